-- Late-binding views are bound views here, so a change after which the two kinds would return different results is refused.
-- What the view read when it was created is stored in the comment of its read-only trigger: a table for it would take part in serialization
-- conflicts (error 1023).
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html.

-- The relations that a view reads, with their names and the names of the columns that it reads, or of all columns where it has a star.
CREATE FUNCTION redshift_internal.late_reads(view oid, star boolean) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(r.refobjid, format('%s.%s %s', n.nspname, c.relname, r.columns)), '{}')
    FROM (SELECT d.refobjid, array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE star OR a.attnum = d.refobjsubid)::text AS columns
          FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
          JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum > 0 AND NOT a.attisdropped
          WHERE w.ev_class = view AND d.refobjid <> view GROUP BY d.refobjid) r
    JOIN pg_class c ON c.oid = r.refobjid JOIN pg_namespace n ON n.oid = c.relnamespace
$$;

CREATE FUNCTION redshift_internal.late_view(view regclass, star boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COMMENT ON TRIGGER redshift$read_only ON %s IS %L', view,
        jsonb_build_object('star', star, 'reads', redshift_internal.late_reads(view, star)));
END $$;

CREATE FUNCTION redshift_internal.check_late_views() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    created oid;
    late oid;
BEGIN
    FOR created IN SELECT objid FROM pg_event_trigger_ddl_commands() WHERE command_tag = 'CREATE VIEW' AND object_type = 'view' LOOP
        EXECUTE format('COMMENT ON TRIGGER redshift$read_only ON %s IS NULL', created::regclass);
    END LOOP;
    SELECT t.tgrelid INTO late FROM pg_catalog.stored_trigger t JOIN pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_catalog.stored_trigger'::regclass
    WHERE t.tgname = 'redshift$read_only'
        AND redshift_internal.late_reads(t.tgrelid, (d.description::jsonb ->> 'star')::boolean) <> d.description::jsonb -> 'reads' LIMIT 1;
    IF late IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '0A000',
            MESSAGE = format('The local Redshift binds the late-binding view %s and would not see this change of names or columns', late::regclass),
            HINT = 'Drop the view, change the table, and create the view again.';
    END IF;
END $$;

-- Event triggers fire in the order of their names: this one after redshift_after_create_view.
CREATE EVENT TRIGGER redshift_check_late_views ON ddl_command_end WHEN TAG IN ('ALTER TABLE', 'ALTER VIEW', 'ALTER SCHEMA', 'ALTER MATERIALIZED VIEW', 'CREATE VIEW')
    EXECUTE FUNCTION redshift_internal.check_late_views();

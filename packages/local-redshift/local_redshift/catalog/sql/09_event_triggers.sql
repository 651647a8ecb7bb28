-- Event triggers that run after DDL: byte lengths of new columns (02_byte_lengths.sql), and read-only views.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html.

-- PostgreSQL allows writing through simple views; Redshift does not.
CREATE FUNCTION redshift_internal.refuse_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('cannot %s a view', lower(TG_OP)), DETAIL = format('"%s" is a view.', TG_TABLE_NAME);
END $$;

CREATE FUNCTION redshift_internal.after_create_view() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    relation oid;
BEGIN
    FOR relation IN
        SELECT c.objid FROM pg_event_trigger_ddl_commands() c JOIN pg_class r ON r.oid = c.objid WHERE c.classid = 'pg_class'::regclass AND r.relkind = 'v'
    LOOP
        -- CREATE OR REPLACE VIEW must not change the columns; PostgreSQL may add some, whose xmin is this transaction's.
        IF (SELECT count(DISTINCT a.xmin = pg_current_xact_id()::xid) FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0) > 1 THEN
            RAISE EXCEPTION USING ERRCODE = '42P16', MESSAGE = format('cannot change number of columns in view "%s"', relation::regclass);
        END IF;
        EXECUTE format('CREATE OR REPLACE TRIGGER redshift$read_only INSTEAD OF INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION redshift_internal.refuse_write()', relation::regclass);
    END LOOP;
END $$;

-- redshift.created holds the oid of the table that the current CREATE TABLE made; it is empty when IF NOT EXISTS found an existing table.
CREATE FUNCTION redshift_internal.before_create() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('redshift.created', '', true);
END $$;

-- A column of CREATE TABLE AS that is a bare literal of a subquery (43_untyped.sql, 8705) is text, as one of the outermost list is.
CREATE FUNCTION redshift_internal.give_types(relation oid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    clauses text := (SELECT string_agg(format('ALTER %I TYPE text', attname), ', ') FROM pg_attribute
        WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND atttypid = 8705);
BEGIN
    IF clauses IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s %s', relation::regclass, clauses);
    END IF;
END $$;

-- The stage of COPY, which needs no TEMP privilege on Redshift. Its owner is the caller, whom a SECURITY DEFINER function finds here only.
CREATE FUNCTION redshift_internal.create_stage(columns int) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner name := coalesce(nullif(current_setting('role'), 'none'), session_user);
BEGIN
    EXECUTE format('CREATE TEMPORARY TABLE redshift$stage (file int, line bigint%s)', (SELECT string_agg(format(', c%s text', n), '' ORDER BY n) FROM generate_series(0, columns - 1) n));
    EXECUTE format('ALTER TABLE pg_temp.redshift$stage OWNER TO %I', owner);
END $$;

CREATE FUNCTION redshift_internal.after_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    relation oid;
BEGIN
    FOR relation IN
        SELECT DISTINCT c.objid FROM pg_event_trigger_ddl_commands() c JOIN pg_class r ON r.oid = c.objid
        WHERE c.classid = 'pg_class'::regclass AND r.relkind = 'r' AND c.schema_name <> 'redshift_internal' AND r.relname NOT IN ('redshift$stage', 'redshift$json')
    LOOP
        IF tg_tag = 'CREATE TABLE' THEN
            PERFORM set_config('redshift.created', relation::text, true);
        END IF;
        PERFORM redshift_internal.give_types(relation);
        PERFORM redshift_internal.limit_bytes(relation);
    END LOOP;
END $$;

CREATE EVENT TRIGGER redshift_before_create ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION redshift_internal.before_create();
CREATE EVENT TRIGGER redshift_after_ddl ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
    EXECUTE FUNCTION redshift_internal.after_ddl();
CREATE EVENT TRIGGER redshift_after_create_view ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION redshift_internal.after_create_view();

-- What a user cannot do even where the proxy lets a statement pass (query/unsupported/unsafe_functions.py): execute functions that read or write files
-- or large objects, or that run a text as a statement, which would be neither rewritten nor checked.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT DISTINCT p.oid::regprocedure AS function, a.grantee
        FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND a.grantee <> p.proowner
          AND p.proname ~ '^(lo_|loread$|lowrite$|pg_read_|pg_ls_|pg_stat_file$|pg_current_logfile$|ts_stat$)|(query|table|cursor|schema|database)_to_xml'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', granted.function, CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
    END LOOP;
END $$;

-- The proxy reads literals with standard_conforming_strings off and texts as UTF-8, so a session keeps both. The schema of the local Redshift is not
-- for users. An isolation level has no effect (statements/parameters.py).
CREATE FUNCTION redshift_internal.stored_set_config(text, text, boolean) RETURNS text LANGUAGE internal VOLATILE AS 'set_config_by_name';
CREATE FUNCTION redshift_internal.settable(name text, value text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF lower(name) IN ('standard_conforming_strings', 'client_encoding') OR lower(name) = 'search_path' AND position('redshift_internal' IN lower(value)) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('permission denied to set parameter "%s"', name);
    END IF;
    RETURN CASE WHEN lower(name) IN ('default_transaction_isolation', 'transaction_isolation') THEN 'redshift.nothing' ELSE name END;
END $$;
CREATE OR REPLACE FUNCTION pg_catalog.set_config(text, text, boolean) RETURNS text LANGUAGE sql VOLATILE CALLED ON NULL INPUT AS $$
    SELECT redshift_internal.stored_set_config(redshift_internal.settable($1, $2), $2, $3) $$;

-- PostgreSQL's views read the catalogs themselves (00_renamed_catalogs.sql), so they are wrapped: without the local Redshift's own schema, and without
-- databases that the user may not enter. The two with a barrier, pg_stats and pg_stats_ext, list readable tables only.
DO $$
DECLARE
    target record;
BEGIN
    FOR target IN
        SELECT c.oid::regclass AS view, pg_get_viewdef(c.oid) AS body, CASE a.attname
            WHEN 'schemaname' THEN 'schemaname IS DISTINCT FROM ''redshift_internal'''
            ELSE 'datname IS NULL OR datname IN (SELECT d.datname FROM pg_catalog.pg_database d)' END AS condition
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'v' AND c.reloptions IS NULL AND NOT starts_with(c.relname::text, 'svv_')
          AND (a.attname = 'schemaname' AND c.relname <> 'pg_table_def'
               OR a.attname = 'datname' AND c.relname IN ('pg_stat_activity', 'pg_stat_database', 'pg_stat_database_conflicts'))
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW pg_catalog.%I AS SELECT * FROM (%s) AS everything WHERE %s',
            target.view::text, rtrim(target.body, ';'), target.condition);
    END LOOP;
END $$;

REVOKE ALL ON pg_catalog.stored_database, pg_catalog.stored_namespace FROM PUBLIC;

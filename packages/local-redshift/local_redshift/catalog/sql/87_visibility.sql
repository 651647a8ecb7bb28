-- Who may read which system view, and which of its rows. Sources: https://docs.aws.amazon.com/redshift/latest/dg/c_visibility-of-data.html;
-- a workgroup has no provisioned-only views: https://docs.aws.amazon.com/redshift/latest/dg/c_intro_system_views.html.

-- SYSLOG ACCESS UNRESTRICTED is the membership in a role that PostgreSQL has for the same (statements/grants.py).
CREATE FUNCTION redshift_internal.sees_all_rows() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT redshift_internal.is_superuser() OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') $$;

-- True on a provisioned cluster. Where the server's mode is serverless it is the error of a workgroup, also for superusers.
CREATE FUNCTION redshift_internal.provisioned(view text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_setting('redshift.mode', true) = 'serverless' THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('permission denied for relation %s', view);
    END IF;
    RETURN true;
END $$;

-- The condition by which a row of a view is the current user's own; every user sees all rows of SVV_TRANSACTIONS.
CREATE FUNCTION redshift_internal.own_row(view regclass) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE relname
        WHEN 'stv_sessions' THEN 'v.user_name = current_user::bpchar(50)'
        WHEN 'stv_locks' THEN 'v.lock_owner_pid IN (SELECT pid FROM redshift_internal.activity WHERE usesysid = redshift_internal.current_user_id()::oid)'
        ELSE (SELECT format('v.%I = (SELECT redshift_internal.current_user_id())', attname) FROM pg_attribute
              WHERE attrelid = view AND attname IN ('userid', 'user_id')) END
    FROM pg_class WHERE oid = view $$;

DO $$
DECLARE
    view text;
    own text;
    conditions text[];
BEGIN
    FOR view IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'v' AND relname ~ '^(stl|stv|svl|svcs|sys)_' LOOP
        own := redshift_internal.own_row(view::regclass);
        conditions := ARRAY[CASE WHEN own IS NOT NULL THEN format('(%s OR (SELECT redshift_internal.sees_all_rows()))', own) END,
                            CASE WHEN NOT starts_with(view, 'sys_') THEN format('redshift_internal.provisioned(%L)', view) END];
        -- A barrier: else a condition of the query, such as a cast, could meet the rows of others first, and its error would show them.
        EXECUTE format('CREATE OR REPLACE VIEW pg_catalog.%I WITH (security_barrier) AS SELECT v.* FROM (%s) AS v WHERE %s',
            view, rtrim(pg_get_viewdef(view::regclass), ';'), array_to_string(conditions, ' AND '));
    END LOOP;
END $$;
DROP FUNCTION redshift_internal.own_row(regclass);

-- Visible to superusers, who are members of pg_monitor (r_SVV_TABLE_INFO, r_STV_TBL_PERM), and to those to whom they grant it.
REVOKE ALL ON pg_catalog.svv_table_info, pg_catalog.stv_tbl_perm FROM PUBLIC;
GRANT SELECT ON pg_catalog.svv_table_info, pg_catalog.stv_tbl_perm TO pg_monitor WITH GRANT OPTION;

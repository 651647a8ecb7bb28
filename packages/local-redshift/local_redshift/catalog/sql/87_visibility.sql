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

-- In the views that record what users ran, userid (in SYS views user_id) is whose row it is. All rows of STV_RECENTS are visible to all users.
DO $$
DECLARE
    view text;
    owner text;
BEGIN
    FOR view, owner IN
        SELECT c.relname, (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('userid', 'user_id') AND c.relname <> 'stv_recents')
        FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'v' AND c.relname ~ '^(stl|stv|svl|svcs|sys)_'
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW pg_catalog.%I AS SELECT v.* FROM (%s) AS v WHERE %s AND %s', view, rtrim(pg_get_viewdef(view::regclass), ';'),
            CASE WHEN view LIKE 'sys\_%' THEN 'true' ELSE format('redshift_internal.provisioned(%L)', view) END,
            coalesce(format('(v.%I = redshift_internal.current_user_id() OR (SELECT redshift_internal.sees_all_rows()))', owner), 'true'));
    END LOOP;
END $$;

-- Visible to superusers, who are members of pg_monitor (r_SVV_TABLE_INFO, r_STV_TBL_PERM), and to those to whom they grant it.
REVOKE ALL ON pg_catalog.svv_table_info, pg_catalog.stv_tbl_perm FROM PUBLIC;
GRANT SELECT ON pg_catalog.svv_table_info, pg_catalog.stv_tbl_perm TO pg_monitor WITH GRANT OPTION;

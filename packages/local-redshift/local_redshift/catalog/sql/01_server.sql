-- The schema of the local Redshift's own objects, and the version that the server reports.

CREATE SCHEMA redshift_internal;
GRANT USAGE ON SCHEMA redshift_internal TO PUBLIC;
-- On Redshift every user may create objects in public; PostgreSQL 15 and later do not allow it by default.
GRANT ALL ON SCHEMA public TO PUBLIC;

-- A superuser of Redshift (CREATEUSER) may create roles here; he is no superuser of PostgreSQL.
CREATE FUNCTION redshift_internal.is_superuser() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user $$;

-- Redshift's own version text: drivers and SQLAlchemy read the PostgreSQL version from it. Isolation levels are as SHOW returns them
-- (statements/parameters.py).
CREATE OR REPLACE FUNCTION pg_catalog.current_setting(text) RETURNS text LANGUAGE sql STABLE CALLED ON NULL INPUT AS $$
    SELECT CASE WHEN lower($1) = 'server_version' THEN '8.0.2'::text
                WHEN lower($1) IN ('default_transaction_isolation', 'transaction_isolation') THEN 'serializable'::text ELSE pg_catalog.current_setting($1, false) END $$;
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.117891'::text $$;

-- The user that Airflow loads with, and the role for those who read: docs/connect-a-cluster.md.
-- An admin runs it once, in the database that the DAGs fill. It sets no password: IAM login needs none.

CREATE USER etl PASSWORD DISABLE;

-- Who owns a schema creates tables in it and owns them: loads need that (ALTER TABLE, LOCK, ANALYZE, VACUUM, DROP).
CREATE SCHEMA core AUTHORIZATION etl;
CREATE SCHEMA mart AUTHORIZATION etl;
CREATE SCHEMA etl AUTHORIZATION etl;
CREATE SCHEMA etl_shadow AUTHORIZATION etl;
CREATE SCHEMA etl_lock AUTHORIZATION etl;

-- Until this is run every user may create tables in `public`. Leave it out where others rely on that.
REVOKE CREATE ON SCHEMA public FROM public;

-- Tables' sizes and state, and other users' reads of them: for the Warehouse page and the DAG `retention`.
GRANT SELECT ON svv_table_info TO etl;
ALTER USER etl SYSLOG ACCESS UNRESTRICTED;

-- Readers: `GRANT ROLE warehouse_reader TO …` for each. The last statement is for the tables that are created later
-- (sqlfluff does not parse ROLE there).
CREATE ROLE warehouse_reader;
GRANT USAGE ON SCHEMA core, mart TO ROLE warehouse_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA core, mart TO ROLE warehouse_reader;
ALTER DEFAULT PRIVILEGES FOR USER etl IN SCHEMA core, mart GRANT SELECT ON TABLES TO ROLE warehouse_reader; -- noqa

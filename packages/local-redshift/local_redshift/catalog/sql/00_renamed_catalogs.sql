-- PostgreSQL finds its system catalogs by oid, clients find them by name: under these names clients get views instead. Those of constraints and
-- triggers leave out the local Redshift's own and contain the declared keys (86_keys_and_triggers.sql).
ALTER TABLE pg_catalog.pg_constraint RENAME TO stored_constraint;
ALTER TABLE pg_catalog.pg_trigger RENAME TO stored_trigger;
ALTER TABLE pg_catalog.pg_namespace RENAME TO stored_namespace;
ALTER TABLE pg_catalog.pg_database RENAME TO stored_database;

-- Without the local Redshift's own schema.
CREATE VIEW pg_catalog.pg_namespace AS SELECT * FROM pg_catalog.stored_namespace WHERE nspname <> 'redshift_internal';
-- The databases of the cluster: PUBLIC may not connect to the others of the server, nor to its templates (catalog/setup.py).
CREATE VIEW pg_catalog.pg_database AS
    SELECT * FROM pg_catalog.stored_database d
    WHERE has_database_privilege(d.oid, 'CONNECT') AND NOT d.datistemplate OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user);
GRANT SELECT ON pg_catalog.pg_namespace, pg_catalog.pg_database TO PUBLIC;

-- The comments of schemas and databases are stored under the catalogs' oids.
CREATE OR REPLACE FUNCTION pg_catalog.obj_description(oid, name) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT description FROM pg_catalog.pg_description WHERE objoid = $1 AND objsubid = 0 AND classoid = (
        SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = 11 AND c.relname = CASE $2 WHEN 'pg_namespace' THEN 'stored_namespace' ELSE $2 END) $$;
CREATE OR REPLACE FUNCTION pg_catalog.shobj_description(oid, name) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT description FROM pg_catalog.pg_shdescription WHERE objoid = $1 AND classoid = (
        SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = 11 AND c.relname = CASE $2 WHEN 'pg_database' THEN 'stored_database' ELSE $2 END) $$;

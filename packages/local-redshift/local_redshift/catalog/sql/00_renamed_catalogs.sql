-- PostgreSQL finds its system catalogs by oid, clients find them by name: under these names clients get views instead (86_keys_and_triggers.sql),
-- which leave out the local Redshift's own constraints and triggers and contain the declared keys.
ALTER TABLE pg_catalog.pg_constraint RENAME TO stored_constraint;
ALTER TABLE pg_catalog.pg_trigger RENAME TO stored_trigger;

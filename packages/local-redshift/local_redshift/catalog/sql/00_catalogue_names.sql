-- The server finds its catalogues by number, clients by name: under these names clients see views instead (86_catalogue_keys.sql), in which the
-- stand-in's own constraints and triggers do not appear and the declared keys do.
ALTER TABLE pg_catalog.pg_constraint RENAME TO stored_constraint;
ALTER TABLE pg_catalog.pg_trigger RENAME TO stored_trigger;

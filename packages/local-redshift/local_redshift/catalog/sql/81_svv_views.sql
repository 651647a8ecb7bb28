-- SVV_TABLES, SVV_COLUMNS and the SVV_ALL_*, SVV_REDSHIFT_* views of databases, schemas, tables, columns and keys.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/svv_views.html.

CREATE VIEW pg_catalog.svv_tables AS
    SELECT current_database()::text AS table_catalog, schema_name AS table_schema, table_name, CASE kind WHEN 'VIEW' THEN 'VIEW' ELSE 'BASE TABLE' END AS table_type, remarks
    FROM redshift_internal.relations;

CREATE VIEW pg_catalog.svv_all_tables AS
    SELECT current_database()::text AS database_name, schema_name, table_name, array_to_string(relacl, '|') AS table_acl, kind AS table_type, remarks
    FROM redshift_internal.relations;
CREATE VIEW pg_catalog.svv_redshift_tables AS
    SELECT current_database()::text AS database_name, schema_name, table_name, kind AS table_type, array_to_string(relacl, '|') AS table_acl, remarks,
           pg_get_userbyid(relowner)::text AS table_owner
    FROM redshift_internal.relations;

CREATE VIEW pg_catalog.svv_columns AS
    SELECT current_database()::text AS table_catalog, schema_name AS table_schema, table_name, column_name, ordinal_position, column_default,
           CASE WHEN attnotnull THEN 'NO' ELSE 'YES' END AS is_nullable, bare_type AS data_type, character_maximum_length, numeric_precision,
           CASE WHEN numeric_precision IS NULL THEN NULL WHEN atttypid = 'numeric'::regtype THEN 10 ELSE 2 END AS numeric_precision_radix, numeric_scale,
           CASE WHEN bare_type LIKE 'time%' THEN 6 END AS datetime_precision, NULL::text AS interval_type, NULL::text AS interval_precision,
           NULL::text AS character_set_catalog, NULL::text AS character_set_schema, NULL::text AS character_set_name,
           NULL::text AS collation_catalog, NULL::text AS collation_schema, NULL::text AS collation_name, NULL::text AS domain_name, remarks
    FROM redshift_internal.sized_columns;
CREATE VIEW pg_catalog.svv_all_columns AS
    SELECT current_database()::text AS database_name, schema_name, table_name, column_name, ordinal_position, column_default,
           CASE WHEN attnotnull THEN 'NO' ELSE 'YES' END AS is_nullable, bare_type AS data_type, character_maximum_length, numeric_precision, numeric_scale, remarks
    FROM redshift_internal.sized_columns;
CREATE VIEW pg_catalog.svv_redshift_columns AS
    SELECT current_database()::text AS database_name, schema_name, table_name, column_name, ordinal_position, type AS data_type, column_default,
           CASE WHEN attnotnull THEN 'NO' ELSE 'YES' END AS is_nullable, encoding, distkey, sortkey::int AS sortkey, NULL::text AS column_acl, remarks
    FROM redshift_internal.columns;

CREATE VIEW pg_catalog.svv_all_schemas AS
    SELECT current_database()::text AS database_name, nspname::text AS schema_name, nspowner::int AS schema_owner, 'local'::text AS schema_type,
           array_to_string(nspacl, '|') AS schema_acl, NULL::text AS source_database, NULL::text AS schema_option
    FROM pg_namespace WHERE nspname <> 'pg_toast' AND nspname !~ '^pg_(toast_)?temp_';
CREATE VIEW pg_catalog.svv_redshift_schemas AS
    SELECT database_name, schema_name, schema_owner, schema_type, schema_acl, schema_option FROM svv_all_schemas;
-- A database without a level of its own has the server's, which each session brings (catalog/isolation.py).
CREATE FUNCTION redshift_internal.isolation_level(database oid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE coalesce((SELECT split_part(setting, '=', 2) FROM pg_db_role_setting r CROSS JOIN unnest(r.setconfig) setting
                          WHERE r.setrole = 0 AND r.setdatabase = database AND starts_with(setting, 'default_transaction_isolation=')),
                         current_setting('redshift.isolation', true))
               WHEN 'serializable' THEN 'Serializable' ELSE 'Snapshot Isolation' END
$$;
CREATE VIEW pg_catalog.svv_redshift_databases AS
    SELECT datname::text AS database_name, datdba::int AS database_owner, 'local'::text AS database_type, array_to_string(datacl, '|') AS database_acl, NULL::text AS database_options,
           redshift_internal.isolation_level(oid) AS database_isolation_level
    FROM pg_database;
-- A regular user sees the databases that he owns or is connected to.
CREATE VIEW pg_catalog.stv_db_isolation_level AS
    SELECT database_name::bpchar(128) AS db_name, database_isolation_level::bpchar(20) AS isolation_level
    FROM pg_catalog.svv_redshift_databases
    WHERE redshift_internal.is_superuser() OR database_name = current_database() OR pg_has_role(database_owner::oid, 'USAGE');

CREATE FUNCTION redshift_internal.refuse_others(database text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
               WHERE a.datname = database AND a.pid <> pg_backend_pid() AND NOT r.rolsuper) THEN
        RAISE EXCEPTION USING ERRCODE = '55006', MESSAGE = format('database "%s" is being accessed by other users', database);
    END IF;
END $$;

-- CREATE refuses external schemas, tables and columns, so these views are always empty.
CREATE VIEW pg_catalog.svv_external_schemas AS
    SELECT 0::oid AS esoid, 0::smallint AS eskind, ''::name AS schemaname, 0 AS esowner, ''::text AS databasename, ''::text AS esoptions WHERE false;
CREATE VIEW pg_catalog.svv_external_tables AS
    SELECT ''::text AS redshift_database_name, ''::text AS schemaname, ''::text AS tablename, ''::text AS tabletype, ''::text AS location, ''::text AS input_format,
           ''::text AS output_format, ''::text AS serialization_lib, ''::text AS serde_parameters, 0 AS compressed, ''::text AS parameters WHERE false;
CREATE VIEW pg_catalog.svv_external_columns AS
    SELECT ''::text AS redshift_database_name, ''::text AS schemaname, ''::text AS tablename, ''::text AS columnname, ''::text AS external_type, 0 AS columnnum, 0 AS part_key,
           ''::text AS is_nullable WHERE false;

GRANT SELECT ON pg_catalog.svv_tables, pg_catalog.svv_all_tables, pg_catalog.svv_redshift_tables, pg_catalog.svv_columns, pg_catalog.svv_all_columns,
    pg_catalog.svv_redshift_columns, pg_catalog.svv_all_schemas, pg_catalog.svv_redshift_schemas, pg_catalog.svv_redshift_databases, pg_catalog.stv_db_isolation_level, pg_catalog.svv_external_schemas,
    pg_catalog.svv_external_tables, pg_catalog.svv_external_columns TO PUBLIC;

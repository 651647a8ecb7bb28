-- information_schema without the local Redshift's own schema, and with the declared keys, which are not enforced.

DO $$
DECLARE
    target record;
BEGIN
    FOR target IN SELECT * FROM (VALUES ('tables', 'table_schema'), ('columns', 'table_schema'), ('views', 'table_schema'), ('schemata', 'schema_name'),
        ('table_privileges', 'table_schema'), ('role_table_grants', 'table_schema'), ('routines', 'routine_schema'), ('check_constraints', 'constraint_schema')) AS v (name, part)
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW information_schema.%I AS SELECT * FROM (%s) AS everything WHERE %I <> %L', target.name,
            rtrim(pg_get_viewdef(('information_schema.' || target.name)::regclass), ';'), target.part, 'redshift_internal');
    END LOOP;
END $$;

CREATE OR REPLACE VIEW information_schema.table_constraints AS
    SELECT current_database()::information_schema.sql_identifier AS constraint_catalog, r.schema_name::information_schema.sql_identifier AS constraint_schema,
           k.conname::information_schema.sql_identifier AS constraint_name, current_database()::information_schema.sql_identifier AS table_catalog,
           r.schema_name::information_schema.sql_identifier AS table_schema, r.table_name::information_schema.sql_identifier AS table_name,
           CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' ELSE 'FOREIGN KEY' END::information_schema.character_data AS constraint_type,
           'NO'::information_schema.yes_or_no AS is_deferrable, 'NO'::information_schema.yes_or_no AS initially_deferred,
           'NO'::information_schema.yes_or_no AS enforced, NULL::information_schema.yes_or_no AS nulls_distinct
    FROM redshift_internal.declared_keys k JOIN redshift_internal.relations r ON r.relid = k.relid;

CREATE OR REPLACE VIEW information_schema.key_column_usage AS
    SELECT current_database()::information_schema.sql_identifier AS constraint_catalog, r.schema_name::information_schema.sql_identifier AS constraint_schema,
           k.conname::information_schema.sql_identifier AS constraint_name, current_database()::information_schema.sql_identifier AS table_catalog,
           r.schema_name::information_schema.sql_identifier AS table_schema, r.table_name::information_schema.sql_identifier AS table_name,
           a.attname::information_schema.sql_identifier AS column_name, c.place::information_schema.cardinal_number AS ordinal_position,
           CASE WHEN k.contype = 'f' THEN c.place END::information_schema.cardinal_number AS position_in_unique_constraint
    FROM redshift_internal.declared_keys k JOIN redshift_internal.relations r ON r.relid = k.relid
    CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS c (attnum, place)
    JOIN pg_attribute a ON a.attrelid = k.relid AND a.attnum = c.attnum;

CREATE OR REPLACE VIEW information_schema.referential_constraints AS
    SELECT current_database()::information_schema.sql_identifier AS constraint_catalog, r.schema_name::information_schema.sql_identifier AS constraint_schema,
           k.conname::information_schema.sql_identifier AS constraint_name, current_database()::information_schema.sql_identifier AS unique_constraint_catalog,
           t.schema_name::information_schema.sql_identifier AS unique_constraint_schema,
           (SELECT u.conname FROM redshift_internal.declared_keys u WHERE u.relid = k.confrelid AND u.contype IN ('p', 'u') AND u.conkey = k.confkey
            ORDER BY u.contype LIMIT 1)::information_schema.sql_identifier AS unique_constraint_name,
           'NONE'::information_schema.character_data AS match_option, 'NO ACTION'::information_schema.character_data AS update_rule,
           'NO ACTION'::information_schema.character_data AS delete_rule
    FROM redshift_internal.declared_keys k JOIN redshift_internal.relations r ON r.relid = k.relid JOIN redshift_internal.relations t ON t.relid = k.confrelid
    WHERE k.contype = 'f';

CREATE OR REPLACE VIEW information_schema.constraint_column_usage AS
    SELECT table_catalog, table_schema, table_name, column_name, constraint_catalog, constraint_schema, constraint_name FROM information_schema.key_column_usage;

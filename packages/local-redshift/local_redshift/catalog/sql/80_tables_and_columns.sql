-- Tables and columns: PG_TABLE_DEF, SVV_TABLE_INFO and related views. Distribution, sort order and encodings come from 03_table_attributes.sql.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_PG_TABLE_DEF.html; pages named in parentheses are of the same guide.

-- The relations that a user may access, without those of system schemas and of the local Redshift's own schema.
CREATE VIEW redshift_internal.relations AS
    SELECT c.oid AS relid, n.nspname::text AS schema_name, c.relname::text AS table_name, c.relkind, c.relowner, c.relacl, n.oid AS schema_id,
           CASE WHEN c.relkind IN ('v', 'm') THEN 'VIEW' ELSE 'TABLE' END AS kind, c.relpersistence = 't' AS is_temporary,
           obj_description(c.oid, 'pg_class') AS remarks
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'redshift_internal', 'pg_toast')
      AND has_schema_privilege(n.oid, 'USAGE') AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'));

-- Encodings that Redshift assigns when none is declared: RAW for sort keys, BOOLEAN, REAL and DOUBLE PRECISION, LZO for strings, otherwise AZ64
-- (c_Compression_encodings).
CREATE FUNCTION redshift_internal.encoding(declared text, is_sortkey boolean, type oid) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN declared IS NOT NULL THEN CASE lower(declared) WHEN 'raw' THEN 'none' ELSE lower(declared) END
                WHEN is_sortkey OR type IN ('bool'::regtype, 'float4'::regtype, 'float8'::regtype) THEN 'none'
                WHEN type IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'varbyte'::regtype) THEN 'lzo'
                WHEN type = 'super'::regtype THEN 'zstd' ELSE 'az64' END $$;
-- The place of a column in the sort key, 0 if it has none. The columns of an interleaved sort key alternate in sign.
CREATE FUNCTION redshift_internal.sortkey_place(sortkey smallint[], sortstyle text, attnum smallint) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(place * CASE WHEN sortstyle = 'INTERLEAVED' AND place % 2 = 1 THEN -1 ELSE 1 END, 0) FROM array_position(sortkey, attnum) place $$;

CREATE VIEW redshift_internal.columns AS
    SELECT r.relid, r.schema_name, r.table_name, r.kind, a.attnum, a.attname::text AS column_name, a.attnotnull, a.atttypid, a.atttypmod,
           row_number() OVER (PARTITION BY r.relid ORDER BY a.attnum)::int AS ordinal_position,
           CASE WHEN a.atttypid IN ('text'::regtype, 8705) OR a.atttypid = 'varchar'::regtype AND a.atttypmod < 0 THEN 'character varying(65535)'
                ELSE format_type(a.atttypid, a.atttypmod) END AS type,
           CASE WHEN a.atttypid IN ('text'::regtype, 8705) THEN 'character varying' ELSE format_type(a.atttypid, NULL) END AS bare_type, -- 8705: 43_untyped.sql
           pg_get_expr(d.adbin, d.adrelid) AS column_default, col_description(r.relid, a.attnum) AS remarks,
           coalesce(t.distkey = a.attnum, false) AS distkey,
           redshift_internal.sortkey_place(t.sortkey, t.sortstyle, a.attnum) AS sortkey,
           CASE WHEN r.kind = 'VIEW' THEN 'none' ELSE redshift_internal.encoding(k.encoding, a.attnum = ANY (t.sortkey), a.atttypid) END AS encoding,
           k.identity_seed, k.identity_step
    FROM redshift_internal.relations r
    JOIN pg_attribute a ON a.attrelid = r.relid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN redshift_internal.table_attributes t ON t.relid = r.relid
    LEFT JOIN redshift_internal.column_attributes k ON k.relid = r.relid AND k.attnum = a.attnum;

CREATE VIEW redshift_internal.sized_columns AS
    SELECT *, CASE WHEN atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND atttypmod > 4 THEN atttypmod - 4
                   WHEN atttypid IN ('varchar'::regtype, 'text'::regtype) THEN 65535 END AS character_maximum_length,
           CASE atttypid WHEN 'int2'::regtype THEN 16 WHEN 'int4'::regtype THEN 32 WHEN 'int8'::regtype THEN 64 WHEN 'float4'::regtype THEN 24
                WHEN 'float8'::regtype THEN 53 WHEN 'numeric'::regtype THEN CASE WHEN atttypmod > 4 THEN (atttypmod - 4) >> 16 ELSE 18 END END AS numeric_precision,
           CASE WHEN atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN 0
                WHEN atttypid = 'numeric'::regtype THEN CASE WHEN atttypmod > 4 THEN (atttypmod - 4) & 2047 ELSE 0 END END AS numeric_scale
    FROM redshift_internal.columns;

-- Only schemas of the search path.
CREATE VIEW pg_catalog.pg_table_def AS
    SELECT schema_name::name AS schemaname, table_name::name AS tablename, column_name::name AS "column", type, encoding::bpchar(32), distkey, sortkey::int, attnotnull AS "notnull"
    FROM redshift_internal.columns
    WHERE kind = 'TABLE' AND schema_name = ANY (current_schemas(true)::text[]);

-- Of a table only: the functions of a view would run as the caller, who may be the superuser (all_table_info). The setting holds also where the
-- name is given to a view between the caller's look and this statement.
CREATE FUNCTION redshift_internal.count_rows(relation oid) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET restrict_nonsystem_relation_kind = 'view, foreign-table' AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', relation::regclass) INTO found;
    RETURN found;
END $$;

-- The rows of a table, and those with the rows that are marked for deletion until a VACUUM.
CREATE FUNCTION redshift_internal.row_counts(relation oid, OUT visible bigint, OUT total bigint) LANGUAGE sql STABLE AS $$
    SELECT n, n + coalesce(pg_stat_get_dead_tuples(relation), 0) FROM redshift_internal.count_rows(relation) n $$;

CREATE FUNCTION redshift_internal.diststyle(style text, key text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE style WHEN 'KEY' THEN format('KEY(%s)', key) WHEN 'AUTO' THEN 'AUTO(ALL)' ELSE style END $$;

-- Columns that depend on Redshift's storage (unsorted, skew, sort benefit) are NULL. NULL for stats_off of a table without rows.
CREATE VIEW redshift_internal.table_info AS
    SELECT current_database()::text AS database, r.schema_name AS schema, r.relid::oid AS table_id, r.table_name AS "table",
           CASE WHEN EXISTS (SELECT FROM redshift_internal.columns c WHERE c.relid = r.relid AND c.encoding <> 'none') THEN 'Y' ELSE 'N' END || CASE
               WHEN NOT EXISTS (SELECT FROM redshift_internal.column_attributes c WHERE c.relid = r.relid AND c.encoding IS NOT NULL) THEN ', AUTO(ENCODE)' ELSE '' END AS encoded,
           redshift_internal.diststyle(t.diststyle, (SELECT attname FROM pg_attribute WHERE attrelid = r.relid AND attnum = t.distkey)) AS diststyle,
           CASE WHEN t.sortstyle = 'INTERLEAVED' THEN 'INTERLEAVED' WHEN t.sortkey IS NULL THEN CASE WHEN t.diststyle = 'AUTO' OR t.sortstyle = 'AUTO' THEN 'AUTO(SORTKEY)' END
               ELSE (SELECT attname::text FROM pg_attribute WHERE attrelid = r.relid AND attnum = t.sortkey[1]) END AS sortkey1,
           (SELECT coalesce(max(character_maximum_length), 0) FROM redshift_internal.sized_columns c WHERE c.relid = r.relid)::int AS max_varchar,
           (SELECT encoding FROM redshift_internal.columns c WHERE c.relid = r.relid AND c.attnum = t.sortkey[1]) AS sortkey1_enc,
           coalesce(cardinality(t.sortkey), 0) AS sortkey_num, greatest(1, ceil(pg_total_relation_size(r.relid) / 1048576.0::float8))::bigint AS size,
           NULL::numeric(10, 4) AS pct_used, 0::bigint AS empty, NULL::numeric(5, 2) AS unsorted,
           round(least(100, 100.0::float8 * coalesce(pg_stat_get_mod_since_analyze(r.relid), 0) / nullif(n.total, 0)), 2)::numeric(5, 2) AS stats_off, n.total::numeric(38, 0) AS tbl_rows,
           NULL::numeric(19, 2) AS skew_sortkey1, NULL::numeric(19, 2) AS skew_rows, n.visible::numeric(38, 0) AS estimated_visible_rows, NULL::text AS risk_event,
           NULL::numeric(12, 2) AS vacuum_sort_benefit, NULL::timestamp AS create_time,
           r.is_temporary
    FROM redshift_internal.relations r JOIN redshift_internal.table_attributes t ON t.relid = r.relid
    CROSS JOIN LATERAL redshift_internal.row_counts(r.relid) n
    WHERE r.kind = 'TABLE' AND NOT pg_is_other_temp_schema(r.schema_id);
-- Who may read SVV_TABLE_INFO or STV_TBL_PERM sees the tables of all users. PostgreSQL checks the tables of a view as its owner, but the functions
-- as the current user: so these views pass what they alone can read.
CREATE TABLE redshift_internal.view_pass (pass uuid NOT NULL);
INSERT INTO redshift_internal.view_pass VALUES (gen_random_uuid());
CREATE FUNCTION redshift_internal.all_table_info(pass uuid) RETURNS SETOF redshift_internal.table_info LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM redshift_internal.view_pass p WHERE p.pass = all_table_info.pass) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied for relation svv_table_info';
    END IF;
    RETURN QUERY SELECT * FROM redshift_internal.table_info;
END $$;
-- Empty tables are not listed (r_SVV_TABLE_INFO).
CREATE VIEW pg_catalog.svv_table_info WITH (security_barrier) AS
    SELECT i.database, i.schema, i.table_id, i."table", i.encoded, i.diststyle, i.sortkey1, i.max_varchar, i.sortkey1_enc, i.sortkey_num, i.size, i.pct_used,
           i.empty, i.unsorted, i.stats_off, i.tbl_rows, i.skew_sortkey1, i.skew_rows, i.estimated_visible_rows, i.risk_event, i.vacuum_sort_benefit, i.create_time
    FROM redshift_internal.view_pass p CROSS JOIN LATERAL redshift_internal.all_table_info(p.pass) i WHERE i.tbl_rows > 0;

CREATE VIEW pg_catalog.stv_tbl_perm AS
    SELECT 0 AS slice, i.table_id::int AS id, i."table"::bpchar(72) AS name, i.tbl_rows::bigint AS rows, i.tbl_rows::bigint AS sorted_rows,
           i.is_temporary::int AS temp, (SELECT oid FROM pg_database WHERE datname = current_database())::int AS db_id, 0 AS insert_pristine, 0 AS delete_pristine, 1 AS backup
    FROM redshift_internal.view_pass p CROSS JOIN LATERAL redshift_internal.all_table_info(p.pass) i;

-- The numbers of PG_CLASS_INFO's page: AUTO is 9, with the effective style AUTO(ALL), 10. What is no table of a user has 0.
CREATE FUNCTION redshift_internal.diststyle_number(style text, auto int) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE style WHEN 'KEY' THEN 1 WHEN 'ALL' THEN 8 WHEN 'AUTO' THEN auto ELSE 0 END::smallint $$;
CREATE VIEW pg_catalog.pg_class_info AS
    SELECT c.oid AS reloid, c.relname, c.relnamespace, c.relowner, c.relkind, c.relnatts, redshift_internal.diststyle_number(t.diststyle, 9) AS reldiststyle,
           redshift_internal.diststyle_number(t.diststyle, 10) AS releffectivediststyle, NULL::timestamp AS relcreationtime
    FROM pg_class c LEFT JOIN redshift_internal.table_attributes t ON t.relid = c.oid;

GRANT SELECT ON pg_catalog.pg_table_def, pg_catalog.svv_table_info, pg_catalog.stv_tbl_perm, pg_catalog.pg_class_info TO PUBLIC;
GRANT SELECT ON redshift_internal.relations, redshift_internal.columns, redshift_internal.sized_columns TO PUBLIC;

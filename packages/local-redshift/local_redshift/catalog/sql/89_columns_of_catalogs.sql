-- PG_CLASS, PG_ATTRIBUTE and PG_ATTRDEF with the columns that PostgreSQL's have not, and without the columns of late-binding views. Statements of
-- clients that name the catalogs read these views instead (query/catalogs.py); they are not renamed, for clients compare oids with 'pg_class'::regclass.
-- Sources: https://docs.aws.amazon.com/redshift/latest/dg/r_PG_CLASS_INFO.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/diagnostic-queries-for-query-tuning.html.

CREATE VIEW redshift_internal.late_binding_views AS
    SELECT t.tgrelid AS relid FROM pg_catalog.stored_trigger t JOIN pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_catalog.stored_trigger'::regclass
    WHERE t.tgname = 'redshift$read_only';

CREATE VIEW redshift_internal.pg_class AS
    SELECT c.*, redshift_internal.diststyle_number((SELECT t.diststyle FROM redshift_internal.table_attributes t WHERE t.relid = c.oid), 9) AS reldiststyle
    FROM pg_catalog.pg_class c;

-- No page has the numbers of the encodings but that of RAW, 0; their order here is that of r_CREATE_TABLE_NEW.
CREATE FUNCTION redshift_internal.encodings() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT '{none,az64,bytedict,delta,delta32k,lzo,mostly8,mostly16,mostly32,runlength,text255,text32k,zstd}'::text[] $$;
CREATE FUNCTION pg_catalog.format_encoding(int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT (redshift_internal.encodings())[$1 + 1] $$;

CREATE FUNCTION redshift_internal.encoding_number(relation oid, attnum smallint, type oid) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_position(redshift_internal.encodings(), redshift_internal.encoding(k.encoding, attnum = ANY (t.sortkey), type)) - 1, 0)
    FROM redshift_internal.table_attributes t LEFT JOIN redshift_internal.column_attributes k ON k.relid = t.relid AND k.attnum = $2
    WHERE t.relid = relation AND $2 > 0 $$;

CREATE VIEW redshift_internal.pg_attribute AS
    SELECT a.*, coalesce(redshift_internal.encoding_number(a.attrelid, a.attnum, a.atttypid), 0) AS attencodingtype,
           coalesce((SELECT t.distkey = a.attnum FROM redshift_internal.table_attributes t WHERE t.relid = a.attrelid), false) AS attisdistkey,
           coalesce((SELECT redshift_internal.sortkey_place(t.sortkey, t.sortstyle, a.attnum) FROM redshift_internal.table_attributes t WHERE t.relid = a.attrelid), 0) AS attsortkeyord
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid NOT IN (SELECT v.relid FROM redshift_internal.late_binding_views v);

CREATE VIEW redshift_internal.pg_attrdef AS SELECT d.*, pg_get_expr(d.adbin, d.adrelid) AS adsrc FROM pg_catalog.pg_attrdef d;

-- The columns of late-binding views come from this function only (PG_GET_LATE_BINDING_VIEW_COLS): clients add its rows to those of PG_ATTRIBUTE or
-- information_schema.columns. A query gives the rows their names: cols(view_schema name, view_name name, col_name name, col_type varchar, col_num int).
CREATE FUNCTION pg_catalog.pg_get_late_binding_view_cols() RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT c.schema_name::name, c.table_name::name, c.column_name::name, c.type::varchar, c.ordinal_position
    FROM redshift_internal.columns c JOIN redshift_internal.late_binding_views v ON v.relid = c.relid ORDER BY 1, 2, 5 $$;
-- The same for one table or view (PG_GET_COLS).
CREATE FUNCTION pg_catalog.pg_get_cols(name text) RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT c.schema_name::name, c.table_name::name, c.column_name::name, c.type::varchar, c.ordinal_position
    FROM redshift_internal.columns c WHERE c.relid = $1::regclass ORDER BY 5 $$;

DO $$
BEGIN
    EXECUTE format('CREATE OR REPLACE VIEW information_schema.columns AS SELECT * FROM (%s) AS everything WHERE (table_schema, table_name) NOT IN (
        SELECT n.nspname, c.relname FROM redshift_internal.late_binding_views v JOIN pg_class c ON c.oid = v.relid JOIN pg_namespace n ON n.oid = c.relnamespace)',
        rtrim(pg_get_viewdef('information_schema.columns'::regclass), ';'));
END $$;

GRANT SELECT ON redshift_internal.late_binding_views, redshift_internal.pg_class, redshift_internal.pg_attribute, redshift_internal.pg_attrdef TO PUBLIC;

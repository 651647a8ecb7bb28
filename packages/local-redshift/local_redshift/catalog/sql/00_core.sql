-- The registry of what Redshift knows about a table and PostgreSQL does not, byte lengths, and the proxy's log tables.
--
-- A table's attributes are JSON in the comment of a marker constraint, redshift$attributes (CHECK (true) NOT ENFORCED): so they
-- are dropped and rolled back with the table, and, being in a system catalogue, take no part in serializable conflicts. Columns
-- are named by attnum, so a rename keeps them.

CREATE SCHEMA redshift_internal;
GRANT USAGE ON SCHEMA redshift_internal TO PUBLIC;
-- On Redshift everybody may create in public (PostgreSQL 15 took that away).
GRANT ALL ON SCHEMA public TO PUBLIC;

CREATE FUNCTION redshift_internal.too_long(value text, type text, size int) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '22001', MESSAGE = format('value too long for type %s(%s)', type, size);
END $$;

-- Redshift counts bytes (r_Character_types). A CHECK that raises 22001 itself costs one built-in call a value.
CREATE FUNCTION redshift_internal.limit_bytes(relation oid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    clauses text;
BEGIN
    WITH sized AS (
        SELECT a.attnum, a.attname,
               CASE a.atttypid WHEN 1043 THEN 'character varying' WHEN 1042 THEN 'character' ELSE 'character varying' END AS type,
               CASE a.atttypid WHEN 25 THEN 65535 ELSE a.atttypmod - 4 END AS size
        FROM pg_attribute a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
          AND (a.atttypid IN (1043, 1042) AND a.atttypmod > 4 OR a.atttypid = 25)
    ), wanted AS (
        SELECT format('redshift$bytes$%s$%s', attnum, size) AS name, * FROM sized
    ), present AS (
        SELECT conname::text AS name FROM pg_catalog.stored_constraint WHERE conrelid = relation AND contype = 'c' AND starts_with(conname::text, 'redshift$bytes$')
    ), changes AS (
        SELECT format('DROP CONSTRAINT %I', name) AS clause FROM present WHERE name NOT IN (SELECT name FROM wanted)
        UNION ALL
        SELECT format('ADD CONSTRAINT %I CHECK (octet_length(%I) <= %s OR redshift_internal.too_long(%I, %L, %s))',
                      name, attname, size, attname, type, size)
        FROM wanted WHERE name NOT IN (SELECT name FROM present)
    )
    SELECT string_agg(clause, ', ') INTO clauses FROM changes;
    IF clauses IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s %s', relation::regclass, clauses);
    END IF;
END $$;

-- PostgreSQL lets simple views be written through; Redshift does not.
CREATE FUNCTION redshift_internal.refuse_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('cannot %s a view', lower(TG_OP)), DETAIL = format('"%s" is a view.', TG_TABLE_NAME);
END $$;

CREATE FUNCTION redshift_internal.after_create_view() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    relation oid;
BEGIN
    FOR relation IN
        SELECT c.objid FROM pg_event_trigger_ddl_commands() c JOIN pg_class r ON r.oid = c.objid WHERE c.classid = 'pg_class'::regclass AND r.relkind = 'v'
    LOOP
        -- CREATE OR REPLACE VIEW keeps the columns (r_CREATE_VIEW), PostgreSQL lets it add some: only those are as new as this transaction.
        IF (SELECT count(DISTINCT a.xmin = pg_current_xact_id()::xid) FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0) > 1 THEN
            RAISE EXCEPTION USING ERRCODE = '42P16', MESSAGE = format('cannot change number of columns in view "%s"', relation::regclass);
        END IF;
        EXECUTE format('CREATE OR REPLACE TRIGGER redshift$read_only INSTEAD OF INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION redshift_internal.refuse_write()', relation::regclass);
    END LOOP;
END $$;

-- redshift.created: the table that the current CREATE TABLE made, empty when IF NOT EXISTS found it there.
CREATE FUNCTION redshift_internal.before_create() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('redshift.created', '', true);
END $$;

CREATE FUNCTION redshift_internal.after_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    relation oid;
BEGIN
    FOR relation IN
        SELECT DISTINCT c.objid FROM pg_event_trigger_ddl_commands() c JOIN pg_class r ON r.oid = c.objid
        WHERE c.classid = 'pg_class'::regclass AND r.relkind = 'r' AND c.schema_name <> 'redshift_internal' AND r.relname NOT IN ('redshift$stage', 'redshift$json')
    LOOP
        IF tg_tag = 'CREATE TABLE' THEN
            PERFORM set_config('redshift.created', relation::text, true);
        END IF;
        PERFORM redshift_internal.limit_bytes(relation);
    END LOOP;
END $$;

-- Attributes -----------------------------------------------------------------------------------------------------------------

CREATE FUNCTION redshift_internal.attributes(relation oid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT d.description::jsonb FROM pg_catalog.stored_constraint c JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_catalog.stored_constraint'::regclass
    WHERE c.conrelid = relation AND c.conname = 'redshift$attributes'
$$;

CREATE FUNCTION redshift_internal.set_attributes(relation oid, attributes jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.stored_constraint WHERE conrelid = relation AND conname = 'redshift$attributes') THEN
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT redshift$attributes CHECK (true) NOT ENFORCED', relation::regclass);
    END IF;
    EXECUTE format('COMMENT ON CONSTRAINT redshift$attributes ON %s IS %L', relation::regclass, attributes);
END $$;

CREATE FUNCTION redshift_internal.attnum(relation oid, name text, used_as text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
    found int;
BEGIN
    SELECT attnum INTO found FROM pg_attribute WHERE attrelid = relation AND attname = name AND attnum > 0 AND NOT attisdropped;
    IF found IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42703', MESSAGE = format('column "%s" named in %s does not exist', name, used_as);
    END IF;
    IF used_as IN ('DISTKEY', 'SORTKEY') AND EXISTS (
        SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = relation AND a.attnum = found AND t.typname = 'super') THEN
        -- limitations-super
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('SUPER column "%s" cannot be a %s', name, used_as);
    END IF;
    RETURN found;
END $$;

CREATE FUNCTION redshift_internal.attnums(relation oid, names jsonb, used_as text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(redshift_internal.attnum(relation, n.name, used_as) ORDER BY n.at), '[]')
    FROM jsonb_array_elements_text(names) WITH ORDINALITY n (name, at)
$$;

CREATE FUNCTION redshift_internal.by_attnum(relation oid, named jsonb, used_as text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(redshift_internal.attnum(relation, e.key, used_as), e.value), '{}') FROM jsonb_each(named) e
$$;

-- A key as it is kept: columns by number, the referenced table by oid, a name as Redshift gives one.
CREATE FUNCTION redshift_internal.key_entry(relation oid, key jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    entry jsonb := jsonb_build_object('type', key -> 'type');
    target oid;
    suffix text := CASE key ->> 'type' WHEN 'p' THEN 'pkey' WHEN 'u' THEN 'key' ELSE 'fkey' END;
    columns text;
BEGIN
    SELECT string_agg(name, '_') INTO columns FROM jsonb_array_elements_text(key -> 'columns') AS c (name);
    entry := entry || jsonb_build_object(
        'columns', redshift_internal.attnums(relation, key -> 'columns', 'key'),
        'name', coalesce(key ->> 'name', concat_ws('_', relation::regclass::name, CASE WHEN suffix <> 'pkey' THEN columns END, suffix)));
    IF key ->> 'type' = 'f' THEN
        target := (key ->> 'references')::regclass;
        entry := entry || jsonb_build_object('references', target::bigint, 'referenced', CASE jsonb_array_length(key -> 'referenced')
            WHEN 0 THEN coalesce((SELECT k -> 'columns' FROM jsonb_array_elements(redshift_internal.attributes(target) -> 'keys') k WHERE k ->> 'type' = 'p'), '[]')
            ELSE redshift_internal.attnums(target, key -> 'referenced', 'foreign key') END);
    END IF;
    RETURN entry;
END $$;

-- Keep what a CREATE TABLE said beside what PostgreSQL keeps. `what` names columns; see create_table.py for its keys.
CREATE FUNCTION redshift_internal.register(relation regclass, what jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known jsonb := redshift_internal.attributes(relation);
    parent jsonb;
    key jsonb;
    number int;
BEGIN
    IF what ? 'only_new' AND current_setting('redshift.created', true) IS DISTINCT FROM relation::oid::text THEN
        RETURN;  -- CREATE TABLE IF NOT EXISTS found the table there
    END IF;
    known := jsonb_strip_nulls(jsonb_build_object(
        'diststyle', coalesce(what ->> 'diststyle', 'AUTO'), 'sortstyle', what -> 'sortstyle', 'backup', coalesce(what -> 'backup', 'true')));
    IF what ? 'like' THEN  -- the parent's distribution and order, not its keys (r_CREATE_TABLE_NEW)
        parent := redshift_internal.attributes((what ->> 'like')::regclass) - 'keys' - 'identity';
        known := known || coalesce(redshift_internal.renumber((what ->> 'like')::regclass, relation, parent), '{}');
    END IF;
    IF what ? 'distkey' THEN
        known := known || jsonb_build_object('distkey', redshift_internal.attnum(relation, what ->> 'distkey', 'DISTKEY'));
    END IF;
    IF what ? 'sortkey' THEN
        known := known || jsonb_build_object('sortkey', redshift_internal.attnums(relation, what -> 'sortkey', 'SORTKEY'));
    END IF;
    known := known || jsonb_build_object(
        'encodings', coalesce(known -> 'encodings', '{}') || redshift_internal.by_attnum(relation, coalesce(what -> 'encodings', '{}'), 'ENCODE'),
        'identity', redshift_internal.by_attnum(relation, coalesce(what -> 'identity', '{}'), 'IDENTITY'),
        'keys', '[]'::jsonb);
    FOR key IN SELECT k FROM jsonb_array_elements(what -> 'keys') k LOOP
        known := jsonb_set(known, '{keys}', (known -> 'keys') || redshift_internal.key_entry(relation, key));
        IF key ->> 'type' = 'p' THEN
            FOR number IN SELECT c::int FROM jsonb_array_elements(redshift_internal.attnums(relation, key -> 'columns', 'key')) c LOOP
                EXECUTE (SELECT format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', relation, attname)
                         FROM pg_attribute WHERE attrelid = relation AND attnum = number);
            END LOOP;
        END IF;
    END LOOP;
    PERFORM redshift_internal.set_attributes(relation, known);
END $$;

-- The parent's column numbers in the child's, where a dropped column has left a hole in the parent.
CREATE FUNCTION redshift_internal.renumber(parent oid, child oid, known jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH pairs AS (
        SELECT p.attnum AS old, c.attnum AS new FROM pg_attribute p JOIN pg_attribute c ON c.attrelid = child AND c.attname = p.attname AND c.attnum > 0
        WHERE p.attrelid = parent AND p.attnum > 0 AND NOT p.attisdropped)
    SELECT jsonb_strip_nulls(known || jsonb_build_object(
        'distkey', (SELECT new FROM pairs WHERE old = (known ->> 'distkey')::int),
        'sortkey', (SELECT jsonb_agg(p.new ORDER BY s.at) FROM jsonb_array_elements(known -> 'sortkey') WITH ORDINALITY s (old, at) JOIN pairs p ON p.old = s.old::int),
        'encodings', coalesce((SELECT jsonb_object_agg(p.new, e.value) FROM jsonb_each(known -> 'encodings') e JOIN pairs p ON p.old = e.key::int), '{}')))
$$;

-- What an ALTER TABLE changes in the registry; see alter_table.py for the keys of `what`.
CREATE FUNCTION redshift_internal.change(relation regclass, what jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known jsonb := coalesce(redshift_internal.attributes(relation), '{"diststyle": "AUTO", "backup": true, "encodings": {}, "identity": {}, "keys": []}');
    number int;
BEGIN
    IF NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = relation), 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('must be owner of table %s', relation);
    END IF;
    IF what ? 'drop_column' THEN
        number := redshift_internal.attnum(relation, what ->> 'drop_column', 'DROP COLUMN');
        IF (known ->> 'distkey')::int = number THEN
            RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('cannot drop distkey column "%s"', what ->> 'drop_column');
        ELSIF known -> 'sortkey' @> to_jsonb(number) THEN
            RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('cannot drop sortkey column "%s"', what ->> 'drop_column');
        ELSIF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND attnum <> number AND NOT attisdropped) THEN
            RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('cannot drop the last column "%s" of a table', what ->> 'drop_column');
        END IF;
        RETURN;
    END IF;
    IF what ? 'drop_key' THEN
        IF NOT EXISTS (SELECT FROM jsonb_array_elements(known -> 'keys') k WHERE k ->> 'name' = what ->> 'drop_key') THEN
            RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format('constraint "%s" of relation "%s" does not exist', what ->> 'drop_key', relation);
        END IF;
        known := jsonb_set(known, '{keys}', (SELECT coalesce(jsonb_agg(k), '[]') FROM jsonb_array_elements(known -> 'keys') k WHERE k ->> 'name' <> what ->> 'drop_key'));
    END IF;
    IF what ? 'add_key' THEN
        IF what #>> '{add_key,type}' = 'p' AND EXISTS (SELECT FROM jsonb_array_elements(known -> 'keys') k WHERE k ->> 'type' = 'p') THEN
            RAISE EXCEPTION USING ERRCODE = '42P16', MESSAGE = format('multiple primary keys for table "%s" are not allowed', relation);
        ELSIF what #>> '{add_key,type}' = 'p' AND EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = relation AND NOT attnotnull AND redshift_internal.attnums(relation, what #> '{add_key,columns}', 'key') @> to_jsonb(attnum)) THEN
            RAISE EXCEPTION USING ERRCODE = '42P16', MESSAGE = format('a primary key of "%s" cannot be added to a nullable column', relation);
        END IF;
        known := jsonb_set(known, '{keys}', (known -> 'keys') || redshift_internal.key_entry(relation, what -> 'add_key'));
    END IF;
    IF what ? 'encodings' THEN
        known := jsonb_set(known, '{encodings}', (known -> 'encodings') || redshift_internal.by_attnum(relation, what -> 'encodings', 'ENCODE'));
    END IF;
    IF what ? 'no_encodings' THEN
        known := jsonb_set(known, '{encodings}', '{}');
    END IF;
    IF what ? 'diststyle' THEN
        known := (known - 'distkey') || jsonb_build_object('diststyle', what -> 'diststyle');
    END IF;
    IF what ? 'distkey' THEN
        known := known || jsonb_build_object('distkey', redshift_internal.attnum(relation, what ->> 'distkey', 'DISTKEY'));
    END IF;
    IF what ? 'no_sortkey' OR what ? 'sortstyle' THEN
        known := known - 'sortkey' - 'sortstyle';
    END IF;
    IF what ? 'sortstyle' THEN
        known := known || jsonb_build_object('sortstyle', what -> 'sortstyle');
    END IF;
    IF what ? 'sortkey' THEN
        known := known || jsonb_build_object('sortkey', redshift_internal.attnums(relation, what -> 'sortkey', 'SORTKEY'));
    END IF;
    PERFORM redshift_internal.set_attributes(relation, known);
END $$;

-- ALTER COLUMN TYPE resizes VARCHARs only, and never below what is stored (r_ALTER_TABLE).
CREATE FUNCTION redshift_internal.check_resize(relation regclass, name text, new text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    number int := redshift_internal.attnum(relation, name, 'ALTER COLUMN');
    old record;
    size int := substring(new FROM '[(]([0-9]+)[)]')::int;
    longest int;
    known jsonb := redshift_internal.attributes(relation);
BEGIN
    SELECT a.atttypid, a.atttypmod - 4 AS size, a.atthasdef INTO old FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum = number;
    IF old.atttypid <> 'varchar'::regtype OR NOT starts_with(new, 'character varying') THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('cannot alter type of column "%s": only VARCHAR columns can be resized', name);
    END IF;
    IF old.atthasdef THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('cannot alter type of column "%s", which has a default', name);
    ELSIF EXISTS (SELECT FROM jsonb_array_elements(known -> 'keys') k WHERE k -> 'columns' @> to_jsonb(number)) THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('cannot alter type of column "%s", which is in a UNIQUE, PRIMARY KEY or FOREIGN KEY', name);
    ELSIF known -> 'encodings' ->> number::text IN ('bytedict', 'runlength', 'text255', 'text32k') THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('cannot alter type of column "%s", whose encoding is %s', name, known -> 'encodings' ->> number::text);
    END IF;
    IF size < old.size THEN
        EXECUTE format('SELECT max(octet_length(%I)) FROM %s', name, relation) INTO longest;
        IF longest > size THEN
            RAISE EXCEPTION USING ERRCODE = '22001', MESSAGE = format('target data size is too small: column "%s" holds %s bytes', name, longest);
        END IF;
    END IF;
END $$;

-- ALTER TABLE … APPEND moves all rows of one permanent table to another whose columns match (r_ALTER_TABLE_APPEND).
CREATE FUNCTION redshift_internal.append(target regclass, source regclass, ignore_extra boolean, fill_target boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    shared text;
    extra text;
    lacking text;
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid IN (target, source) AND (relpersistence <> 'p' OR relkind <> 'r')) THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'ALTER TABLE APPEND works on permanent tables only';
    END IF;
    WITH t AS (SELECT * FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped),
         s AS (SELECT * FROM pg_attribute WHERE attrelid = source AND attnum > 0 AND NOT attisdropped)
    SELECT string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum) FILTER (WHERE s.attname = t.attname AND (s.atttypid, s.atttypmod) = (t.atttypid, t.atttypmod)),
           string_agg(s.attname, ', ') FILTER (WHERE t.attname IS NULL OR (s.atttypid, s.atttypmod) <> (t.atttypid, t.atttypmod)),
           string_agg(t.attname, ', ') FILTER (WHERE s.attname IS NULL)
    INTO shared, extra, lacking FROM t FULL JOIN s ON s.attname = t.attname;
    IF extra IS NOT NULL AND NOT ignore_extra OR lacking IS NOT NULL AND NOT fill_target OR shared IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42804', MESSAGE = format('ALTER TABLE APPEND: the columns of %s and %s do not match (%s)', target, source, concat_ws(', ', extra, lacking)),
            HINT = 'IGNOREEXTRA discards columns that only the source has, FILLTARGET fills those that only the target has.';
    END IF;
    EXECUTE format('INSERT INTO %s (%s) SELECT %s FROM %s', target, shared, shared, source);
    EXECUTE format('TRUNCATE %s', source);
END $$;

-- MERGE's source is a table; REMOVE DUPLICATES wants the same columns on both sides (r_MERGE).
CREATE FUNCTION redshift_internal.check_merge(target regclass, source regclass, same_columns boolean) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = source) <> 'r' THEN
        RAISE EXCEPTION USING ERRCODE = '42809', MESSAGE = format('the source of MERGE must be a table; %s is not one', source);
    END IF;
    IF same_columns AND (SELECT array_agg(atttypid ORDER BY attnum) FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped)
        IS DISTINCT FROM (SELECT array_agg(atttypid ORDER BY attnum) FROM pg_attribute WHERE attrelid = source AND attnum > 0 AND NOT attisdropped) THEN
        RAISE EXCEPTION USING ERRCODE = '42804', MESSAGE = 'MERGE … REMOVE DUPLICATES needs the same number and types of columns in target and source';
    END IF;
END $$;

CREATE VIEW redshift_internal.registry AS
    SELECT c.conrelid AS relid, d.description::jsonb AS known
    FROM pg_catalog.stored_constraint c JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_catalog.stored_constraint'::regclass
    WHERE c.conname = 'redshift$attributes';

CREATE VIEW redshift_internal.table_attributes AS
    SELECT r.oid AS relid, coalesce(g.known ->> 'diststyle', 'AUTO') AS diststyle, (g.known ->> 'distkey')::smallint AS distkey,
           g.known ->> 'sortstyle' AS sortstyle,
           (SELECT array_agg(s.n::smallint ORDER BY s.at) FROM jsonb_array_elements_text(g.known -> 'sortkey') WITH ORDINALITY s (n, at)) AS sortkey,
           coalesce((g.known ->> 'backup')::boolean, true) AS backup
    FROM pg_class r LEFT JOIN redshift_internal.registry g ON g.relid = r.oid
    WHERE r.relkind = 'r' AND r.oid >= 16384 AND r.relnamespace <> 'redshift_internal'::regnamespace;

CREATE VIEW redshift_internal.column_attributes AS
    SELECT a.attrelid AS relid, a.attnum, g.known -> 'encodings' ->> a.attnum::text AS encoding,
           (g.known #>> ARRAY['identity', a.attnum::text, '0'])::bigint AS identity_seed,
           (g.known #>> ARRAY['identity', a.attnum::text, '1'])::bigint AS identity_step,
           (g.known #>> ARRAY['identity', a.attnum::text, '2'])::int = 1 AS identity_by_default
    FROM pg_attribute a JOIN redshift_internal.registry g ON g.relid = a.attrelid
    WHERE a.attnum > 0 AND NOT a.attisdropped;

CREATE VIEW redshift_internal.declared_keys AS
    SELECT g.relid, k ->> 'name' AS conname, (k ->> 'type')::"char" AS contype,
           ARRAY(SELECT c::smallint FROM jsonb_array_elements_text(k -> 'columns') c) AS conkey,
           (k ->> 'references')::bigint::oid AS confrelid,
           ARRAY(SELECT c::smallint FROM jsonb_array_elements_text(k -> 'referenced') c) AS confkey
    FROM redshift_internal.registry g CROSS JOIN LATERAL jsonb_array_elements(g.known -> 'keys') k
    WHERE k ->> 'type' <> 'f' OR EXISTS (SELECT FROM pg_class c WHERE c.oid = (k ->> 'references')::bigint::oid);

GRANT SELECT ON ALL TABLES IN SCHEMA redshift_internal TO PUBLIC;

-- The proxy's log: written on its own connection, so that a rollback keeps it ---------------------------------------------------

CREATE SEQUENCE redshift_internal.query_ids;
GRANT USAGE ON SEQUENCE redshift_internal.query_ids TO PUBLIC;

CREATE TABLE redshift_internal.load_errors (
    userid int, database_name text, query bigint, session int, transaction_id bigint, tbl int, starttime timestamp, filename text,
    line_number bigint, colname text, type text, col_length text, "position" int, raw_line text, raw_field_value text, err_code int, err_reason text);

CREATE TABLE redshift_internal.loads (
    query bigint, userid int, database_name text, session int, transaction_id bigint, status text, tbl int, table_name text, starttime timestamp,
    endtime timestamp, data_source text, file_format text, loaded_rows bigint, loaded_bytes bigint, source_file_count int,
    source_file_bytes bigint, error_count int, error_message text);

CREATE TABLE redshift_internal.load_files (
    query bigint, userid int, session int, filename text, lines_scanned bigint, bytes bigint, curtime timestamp, committed boolean);

CREATE TABLE redshift_internal.queries (
    query bigint, userid int, username text, database_name text, session int, transaction_id bigint, query_type text, status text,
    starttime timestamp, endtime timestamp, returned_rows bigint, error_message text, querytxt text, reads text[]);

GRANT SELECT ON ALL TABLES IN SCHEMA redshift_internal TO PUBLIC;

SET LOCAL search_path = pg_catalog;

CREATE VIEW pg_catalog.stl_load_errors AS
    SELECT userid, 0 AS slice, tbl, starttime, session, query, filename::bpchar(256), line_number, colname::bpchar(127), type::bpchar(10),
           col_length::bpchar(10), "position", left(raw_line, 1023)::bpchar(1024) AS raw_line, left(raw_field_value, 1023)::bpchar(1024) AS raw_field_value,
           err_code, err_reason::bpchar(100), 0 AS is_partial, 0 AS start_offset
    FROM redshift_internal.load_errors;

CREATE VIEW pg_catalog.stl_loaderror_detail AS
    SELECT userid, 0 AS slice, query, session, filename::bpchar(256), line_number, "position" AS field, colname::bpchar(127), raw_field_value::bpchar(1024) AS value,
           1 AS is_null, type::bpchar(10), col_length::bpchar(10)
    FROM redshift_internal.load_errors;

CREATE VIEW pg_catalog.sys_load_error_detail AS
    SELECT userid AS user_id, query AS query_id, transaction_id, session AS session_id, database_name, tbl AS table_id, starttime AS start_time,
           filename AS file_name, line_number, colname AS column_name, type AS column_type, col_length AS column_length, "position",
           err_code AS error_code, err_reason AS error_message
    FROM redshift_internal.load_errors;

CREATE VIEW pg_catalog.sys_load_history AS
    SELECT userid AS user_id, query AS query_id, transaction_id, session AS session_id, database_name, status, table_name, starttime AS start_time,
           endtime AS end_time, (extract(epoch FROM endtime - starttime) * 1000000)::bigint AS duration, data_source, file_format, loaded_rows,
           loaded_bytes, source_file_count, source_file_bytes, source_file_count AS file_count_scanned, source_file_bytes AS file_bytes_scanned, error_count
    FROM redshift_internal.loads;

CREATE VIEW pg_catalog.stl_load_commits AS
    SELECT userid, query, 0 AS slice, filename::bpchar(256) AS name, filename::bpchar(256), 0 AS byte_offset, lines_scanned, 0 AS errors, curtime,
           CASE WHEN committed THEN 1 ELSE 0 END AS status, 'S3'::bpchar(3) AS file_format, false AS is_partial, 0 AS start_offset
    FROM redshift_internal.load_files;

GRANT SELECT ON pg_catalog.stl_load_errors, pg_catalog.stl_loaderror_detail, pg_catalog.sys_load_error_detail,
    pg_catalog.sys_load_history, pg_catalog.stl_load_commits TO PUBLIC;

CREATE FUNCTION pg_catalog.pg_last_copy_count() RETURNS int LANGUAGE sql STABLE AS $$ SELECT coalesce(nullif(current_setting('redshift.last_copy_count', true), '')::int, 0) $$;
CREATE FUNCTION pg_catalog.pg_last_copy_id() RETURNS int LANGUAGE sql STABLE AS $$ SELECT coalesce(nullif(current_setting('redshift.last_copy_id', true), '')::int, -1) $$;

-- What Redshift says it is; drivers and SQLAlchemy read the PostgreSQL version out of it.
CREATE OR REPLACE FUNCTION pg_catalog.current_setting(text) RETURNS text LANGUAGE sql STABLE CALLED ON NULL INPUT AS $$
    SELECT CASE lower($1) WHEN 'server_version' THEN '8.0.2'::text ELSE pg_catalog.current_setting($1, false) END $$;
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.117891'::text $$;

RESET search_path;
CREATE EVENT TRIGGER redshift_before_create ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION redshift_internal.before_create();
CREATE EVENT TRIGGER redshift_after_ddl ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
    EXECUTE FUNCTION redshift_internal.after_ddl();
CREATE EVENT TRIGGER redshift_after_create_view ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION redshift_internal.after_create_view();

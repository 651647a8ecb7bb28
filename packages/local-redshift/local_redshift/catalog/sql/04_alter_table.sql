-- ALTER TABLE: changes of the registry (03_table_attributes.sql), and the checks that PostgreSQL does not make.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html; pages named in parentheses are of the same guide.

-- Apply one action to the registry; the keys of `what` are in statements/alter_table.py.
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

-- ALTER COLUMN TYPE resizes VARCHAR columns only, and never below the longest stored value.
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

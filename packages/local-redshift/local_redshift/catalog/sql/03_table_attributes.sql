-- The registry: the attributes of a table that PostgreSQL does not have (distribution, sort order, encodings, identity, declared keys).
--
-- They are JSON in the comment of a marker constraint, redshift$attributes (CHECK (true) NOT ENFORCED): so they are dropped and rolled back
-- with the table and, being in a system catalog, take no part in serialization conflicts. Columns are stored by attnum, so that renaming a
-- column does not lose its attributes.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html.

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
        -- https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html
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

-- A key as the registry stores it: columns by number, the referenced table by oid, and the name that Redshift would generate.
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

-- Store what a CREATE TABLE declares and PostgreSQL does not store. `what` names columns; its keys are in statements/table_definition.py.
CREATE FUNCTION redshift_internal.register(relation regclass, what jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known jsonb := redshift_internal.attributes(relation);
    parent jsonb;
    key jsonb;
    number int;
BEGIN
    IF what ? 'only_new' AND current_setting('redshift.created', true) IS DISTINCT FROM relation::oid::text THEN
        RETURN;  -- CREATE TABLE IF NOT EXISTS found an existing table
    END IF;
    known := jsonb_strip_nulls(jsonb_build_object(
        'diststyle', coalesce(what ->> 'diststyle', 'AUTO'), 'sortstyle', what -> 'sortstyle', 'backup', coalesce(what -> 'backup', 'true')));
    IF what ? 'like' THEN  -- LIKE copies distribution and sort order, not keys
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

-- The parent's column numbers as the child's: they differ when a column of the parent has been dropped.
CREATE FUNCTION redshift_internal.renumber(parent oid, child oid, known jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH pairs AS (
        SELECT p.attnum AS old, c.attnum AS new FROM pg_attribute p JOIN pg_attribute c ON c.attrelid = child AND c.attname = p.attname AND c.attnum > 0
        WHERE p.attrelid = parent AND p.attnum > 0 AND NOT p.attisdropped)
    SELECT jsonb_strip_nulls(known || jsonb_build_object(
        'distkey', (SELECT new FROM pairs WHERE old = (known ->> 'distkey')::int),
        'sortkey', (SELECT jsonb_agg(p.new ORDER BY s.at) FROM jsonb_array_elements(known -> 'sortkey') WITH ORDINALITY s (old, at) JOIN pairs p ON p.old = s.old::int),
        'encodings', coalesce((SELECT jsonb_object_agg(p.new, e.value) FROM jsonb_each(known -> 'encodings') e JOIN pairs p ON p.old = e.key::int), '{}')))
$$;

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

-- Lengths of CHAR and VARCHAR count bytes where PostgreSQL counts characters: a CHECK constraint for each such column.
-- The check itself raises 22001, so a value that fits costs one call of a built-in function.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html.

CREATE FUNCTION redshift_internal.too_long(value text, type text, size int) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '22001', MESSAGE = format('value too long for type %s(%s)', type, size);
END $$;

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

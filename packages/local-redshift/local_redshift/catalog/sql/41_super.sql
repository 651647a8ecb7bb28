-- SUPER: JSON stored as compact text. Text becomes a SUPER string, as on Redshift; only JSON_PARSE reads it as JSON.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SUPER_type.html; pages named in parentheses are of the same guide.

SET LOCAL client_min_messages = warning;
CREATE TYPE pg_catalog.super;
-- A literal for a SUPER column would have to become a JSON string, which no built-in input function does: this one raises an error. JSON_PARSE,
-- ARRAY, OBJECT and casts of text expressions do not call it.
CREATE FUNCTION redshift_internal.super_in(cstring) RETURNS super LANGUAGE internal IMMUTABLE STRICT AS 'pg_node_tree_in';
CREATE FUNCTION redshift_internal.super_out(super) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION redshift_internal.super_send(super) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'textsend';
CREATE TYPE pg_catalog.super (
    INPUT = redshift_internal.super_in, OUTPUT = redshift_internal.super_out, SEND = redshift_internal.super_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended);
-- rtrim1 changes nothing (compact JSON does not end with a blank), but json_build_object reads a value as JSON only where a cast has a function.
CREATE FUNCTION redshift_internal.json_of(super) RETURNS json LANGUAGE internal IMMUTABLE STRICT AS 'rtrim1';
CREATE CAST (super AS json) WITH FUNCTION redshift_internal.json_of(super);

-- Removes the blanks between tokens; the order of keys and the numbers stay as written.
CREATE FUNCTION redshift_internal.compact(value json) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN CASE json_typeof(value)
        WHEN 'object' THEN (SELECT '{' || coalesce(string_agg(to_json(key)::text || ':' || redshift_internal.compact(item), ',' ORDER BY place), '') || '}'
            FROM json_each(value) WITH ORDINALITY AS e (key, item, place))
        WHEN 'array' THEN (SELECT '[' || coalesce(string_agg(redshift_internal.compact(item), ',' ORDER BY place), '') || ']'
            FROM json_array_elements(value) WITH ORDINALITY AS e (item, place))
        ELSE btrim(value::text) END;
END $$;
CREATE CAST (json AS super) WITHOUT FUNCTION;
CREATE FUNCTION redshift_internal.to_super(value json) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.compact(value)::json::super $$;
CREATE FUNCTION redshift_internal.to_super(value text) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT to_json(value)::super $$;
CREATE FUNCTION redshift_internal.to_super(value bool) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT to_json(value)::super $$;
CREATE FUNCTION redshift_internal.to_super(value int) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT to_json(value)::super $$;
CREATE FUNCTION redshift_internal.to_super(value bigint) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT to_json(value)::super $$;
CREATE FUNCTION redshift_internal.to_super(value numeric) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT to_json(value)::super $$;
CREATE FUNCTION redshift_internal.to_super(value float8) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT to_json(value)::super $$;
CREATE CAST (text AS super) WITH FUNCTION redshift_internal.to_super(text) AS ASSIGNMENT;
CREATE FUNCTION redshift_internal.to_super(value varchar) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT to_json(value)::super $$;
CREATE FUNCTION redshift_internal.to_super(value bpchar) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT to_json(value)::super $$;
CREATE CAST (varchar AS super) WITH FUNCTION redshift_internal.to_super(varchar) AS ASSIGNMENT;
CREATE CAST (bpchar AS super) WITH FUNCTION redshift_internal.to_super(bpchar) AS ASSIGNMENT;
CREATE CAST (bool AS super) WITH FUNCTION redshift_internal.to_super(bool) AS ASSIGNMENT;
CREATE CAST (int AS super) WITH FUNCTION redshift_internal.to_super(int) AS ASSIGNMENT;
CREATE CAST (bigint AS super) WITH FUNCTION redshift_internal.to_super(bigint) AS ASSIGNMENT;
CREATE CAST (numeric AS super) WITH FUNCTION redshift_internal.to_super(numeric) AS ASSIGNMENT;
CREATE CAST (float8 AS super) WITH FUNCTION redshift_internal.to_super(float8) AS ASSIGNMENT;

-- A scalar as text: strings without their quotes; a SUPER null is NULL.
CREATE FUNCTION redshift_internal.scalar(value super) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN json_typeof(value::json) IN ('object', 'array') THEN value::json::text ELSE value::json #>> '{}' END $$;
CREATE FUNCTION redshift_internal.super_bool(value super) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.scalar(value)::bool $$;
CREATE FUNCTION redshift_internal.super_numeric(value super) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.scalar(value)::numeric $$;
CREATE FUNCTION redshift_internal.super_int(value super) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.scalar(value)::numeric::int $$;
CREATE FUNCTION redshift_internal.super_bigint(value super) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.scalar(value)::numeric::bigint $$;
CREATE FUNCTION redshift_internal.super_float(value super) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.scalar(value)::float8 $$;
CREATE CAST (super AS text) WITH FUNCTION redshift_internal.scalar(super);
CREATE FUNCTION redshift_internal.super_varchar(value super) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.scalar(value)::varchar $$;
CREATE CAST (super AS varchar) WITH FUNCTION redshift_internal.super_varchar(super);
CREATE CAST (super AS bool) WITH FUNCTION redshift_internal.super_bool(super);
CREATE CAST (super AS numeric) WITH FUNCTION redshift_internal.super_numeric(super);
CREATE CAST (super AS int) WITH FUNCTION redshift_internal.super_int(super);
CREATE CAST (super AS bigint) WITH FUNCTION redshift_internal.super_bigint(super);
CREATE CAST (super AS float8) WITH FUNCTION redshift_internal.super_float(super);

CREATE FUNCTION pg_catalog.json_parse(string text) RETURNS super LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.to_super(redshift_internal.json_or_null(string, false)) $$;
CREATE FUNCTION pg_catalog.can_json_parse(string text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.valid_json(string) $$;
-- SUPER may be larger than VARCHAR (JSON_SERIALIZE, r_json_size). The page gives no text for the error. NULL is the string null.
CREATE FUNCTION redshift_internal.json_too_long(size int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '22001', MESSAGE = format('JSON_SERIALIZE: the JSON text of %s bytes exceeds the limit of VARCHAR, 65535 bytes', size),
        HINT = 'JSON_SIZE returns the size; JSON_SERIALIZE_TO_VARBYTE has no such limit.';
END $$;
CREATE FUNCTION redshift_internal.json_text(value super) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(value::json::text, 'null') $$;
CREATE FUNCTION pg_catalog.json_size(value super) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT octet_length(redshift_internal.json_text(value)) $$;
CREATE FUNCTION redshift_internal.json_serialize(value super) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN json_size(value) <= 65535 THEN redshift_internal.json_text(value) ELSE redshift_internal.json_too_long(json_size(value)) END $$;
CREATE FUNCTION redshift_internal.object(value json) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.to_super(value) $$;
CREATE FUNCTION redshift_internal."array"(value json) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.to_super(value) $$;

-- The type of a SUPER value (r_json_typeof, r_is_array and the other pages of type functions).
CREATE FUNCTION pg_catalog.json_typeof(value super) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT json_typeof(value::json) $$;
CREATE FUNCTION pg_catalog.is_array(value super) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT json_typeof(value::json) = 'array' $$;
CREATE FUNCTION pg_catalog.is_object(value super) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT json_typeof(value::json) = 'object' $$;
CREATE FUNCTION pg_catalog.is_varchar(value super) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT json_typeof(value::json) = 'string' $$;
CREATE FUNCTION pg_catalog.is_boolean(value super) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT json_typeof(value::json) = 'boolean' $$;
CREATE FUNCTION pg_catalog.is_scalar(value super) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT json_typeof(value::json) NOT IN ('array', 'object') $$;
CREATE FUNCTION pg_catalog.is_integer(value super) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
    SELECT json_typeof(value::json) = 'number' AND pg_input_is_valid(value::json::text, 'int4') $$;
CREATE FUNCTION pg_catalog.is_bigint(value super) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
    SELECT json_typeof(value::json) = 'number' AND pg_input_is_valid(value::json::text, 'int8') $$;
CREATE FUNCTION pg_catalog.get_array_length(value super) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN json_typeof(value::json) = 'array' THEN json_array_length(value::json) END $$;
CREATE FUNCTION pg_catalog.split_to_array(string text, delimiter text DEFAULT ',') RETURNS super LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.to_super(to_json(string_to_array(string, delimiter))) $$;
CREATE FUNCTION pg_catalog.array_concat(a super, b super) RETURNS super LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.to_super((SELECT json_agg(item ORDER BY part, place) FROM (
        SELECT 1 AS part, place, item FROM json_array_elements(a::json) WITH ORDINALITY AS e (item, place)
        UNION ALL SELECT 2, place, item FROM json_array_elements(b::json) WITH ORDINALITY AS e (item, place)) AS both_arrays)) $$;
CREATE FUNCTION pg_catalog.subarray(value super, first int, size int DEFAULT 2147483647) RETURNS super LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.to_super(coalesce((SELECT json_agg(item ORDER BY place) FROM json_array_elements(value::json) WITH ORDINALITY AS e (item, place)
        WHERE place > first AND place - first <= size), '[]'::json)) $$;

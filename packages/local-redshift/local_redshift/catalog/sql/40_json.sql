-- The JSON functions that read text. A missing element is NULL; invalid JSON is an error, or NULL with null_if_invalid.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/json-functions.html; pages named in parentheses are of the same guide.

CREATE FUNCTION redshift_internal.valid_json(string text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT pg_input_is_valid(string, 'json') $$;
-- NULL instead of an error with null_if_invalid.
CREATE FUNCTION redshift_internal.json_or_null(string text, null_if_invalid bool) RETURNS json LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF redshift_internal.valid_json(string) THEN RETURN string::json; END IF;
    IF null_if_invalid THEN RETURN NULL; END IF;
    RAISE EXCEPTION USING ERRCODE = '22P02', MESSAGE = 'JSON parsing error', DETAIL = format('The invalid JSON: %s', left(string, 200));
END $$;

-- Only an object is valid, not every JSON value (IS_VALID_JSON).
CREATE FUNCTION pg_catalog.is_valid_json(string text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN string IS NULL THEN NULL WHEN redshift_internal.valid_json(string) THEN json_typeof(string::json) = 'object' ELSE false END $$;
CREATE FUNCTION pg_catalog.is_valid_json_array(string text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN string IS NULL THEN NULL WHEN redshift_internal.valid_json(string) THEN json_typeof(string::json) = 'array' ELSE false END $$;

CREATE FUNCTION redshift_internal.json_array(string text, null_if_invalid bool) RETURNS json LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    parsed json := redshift_internal.json_or_null(string, null_if_invalid);
BEGIN
    IF json_typeof(parsed) = 'array' OR parsed IS NULL THEN RETURN parsed; END IF;
    IF null_if_invalid THEN RETURN NULL; END IF;
    RAISE EXCEPTION USING ERRCODE = '22P02', MESSAGE = 'JSON parsing error', DETAIL = format('Not a JSON array: %s', left(string, 200));
END $$;
CREATE FUNCTION redshift_internal.json_array_length(string text, null_if_invalid bool DEFAULT false) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.json_array_length(redshift_internal.json_array(string, null_if_invalid)) $$;
CREATE FUNCTION pg_catalog.json_extract_array_element_text(string text, place int, null_if_invalid bool DEFAULT false) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN place >= 0 THEN redshift_internal.json_array(string, null_if_invalid) ->> place END $$;

-- A path consists of keys, and an array has none (JSON_EXTRACT_PATH_TEXT); #> would read '0' as the first element.
CREATE FUNCTION redshift_internal.json_path(string text, path text[], null_if_invalid bool) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    found json := redshift_internal.json_or_null(string, null_if_invalid);
    key text;
BEGIN
    FOREACH key IN ARRAY path LOOP
        found := CASE json_typeof(found) WHEN 'object' THEN found -> key END;
    END LOOP;
    RETURN found #>> '{}';
END $$;
CREATE FUNCTION redshift_internal.json_extract_path_text(s text, p1 text, n bool DEFAULT false) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.json_path(s, ARRAY[p1], n) $$;
CREATE FUNCTION redshift_internal.json_extract_path_text(s text, p1 text, p2 text, n bool DEFAULT false) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.json_path(s, ARRAY[p1, p2], n) $$;
CREATE FUNCTION redshift_internal.json_extract_path_text(s text, p1 text, p2 text, p3 text, n bool DEFAULT false) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.json_path(s, ARRAY[p1, p2, p3], n) $$;
CREATE FUNCTION redshift_internal.json_extract_path_text(s text, p1 text, p2 text, p3 text, p4 text, n bool DEFAULT false) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.json_path(s, ARRAY[p1, p2, p3, p4], n) $$;
CREATE FUNCTION redshift_internal.json_extract_path_text(s text, p1 text, p2 text, p3 text, p4 text, p5 text, n bool DEFAULT false) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.json_path(s, ARRAY[p1, p2, p3, p4, p5], n) $$;

-- String functions. Positions count characters; the length of a CHAR excludes trailing blanks (r_LEN).
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/String_functions_header.html; pages named in parentheses are of the same guide.

CREATE FUNCTION pg_catalog.len(text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT length($1) $$;
CREATE FUNCTION pg_catalog.len(bpchar) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT length($1) $$;
CREATE FUNCTION pg_catalog.charindex(part text, string text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT strpos(string, part) $$;
CREATE FUNCTION pg_catalog.replicate(text, int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT repeat($1, $2) $$;

-- NULL when either argument is NULL, unlike PostgreSQL's CONCAT (r_CONCAT). query/function_calls.py calls it for CONCAT.
CREATE FUNCTION redshift_internal.concat(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || $2 $$;
CREATE FUNCTION redshift_internal.concat(text, int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || $2 $$;
CREATE FUNCTION redshift_internal.concat(int, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || $2 $$;
CREATE FUNCTION redshift_internal.concat(text, bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || $2 $$;
CREATE FUNCTION redshift_internal.concat(bigint, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || $2 $$;
CREATE FUNCTION redshift_internal.concat(text, numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || $2 $$;
CREATE FUNCTION redshift_internal.concat(numeric, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || $2 $$;

-- Upper and lower case of every alphabet (r_UPPER, r_LOWER, r_INITCAP: UTF-8 of up to four bytes). The database's locale is C, which has that
-- for ASCII only, as Redshift's ILIKE does.
CREATE FUNCTION redshift_internal.upper(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.upper($1 COLLATE pg_c_utf8) $$;
CREATE FUNCTION redshift_internal.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.lower($1 COLLATE pg_c_utf8) $$;
CREATE FUNCTION redshift_internal.initcap(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.initcap($1 COLLATE pg_c_utf8) $$;
-- Backslashes are doubled, without an E before the quote (r_QUOTE_LITERAL).
CREATE FUNCTION redshift_internal.quote_literal(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT ltrim(pg_catalog.quote_literal($1), 'E') $$;

-- The position in bytes, not characters, of the first match (OCTETINDEX).
CREATE FUNCTION pg_catalog.octetindex(part text, string text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN strpos(string, part) = 0 THEN 0 ELSE octet_length(left(string, strpos(string, part) - 1)) + 1 END $$;

-- The part must be positive (SPLIT_PART); PostgreSQL counts negative numbers from the end.
CREATE FUNCTION redshift_internal.split_part(string text, delimiter text, part int) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF part < 1 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'field position must be greater than zero';
    END IF;
    RETURN pg_catalog.split_part(string, delimiter, part);
END $$;

CREATE FUNCTION redshift_internal.soundex_code(letter text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT translate(letter, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '01230120022455012623010202') $$;
-- American Soundex of English letters: vowels separate equal codes, H and W do not (SOUNDEX).
CREATE FUNCTION pg_catalog.soundex(string text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    letters text := regexp_replace(upper(string), '[^A-Z]', '', 'g');
    result text := left(letters, 1);
    last text := redshift_internal.soundex_code(left(letters, 1));
    code text;
BEGIN
    FOR i IN 2 .. length(letters) LOOP
        code := redshift_internal.soundex_code(substr(letters, i, 1));
        IF code <> '0' AND code <> last THEN result := result || code; END IF;
        IF substr(letters, i, 1) NOT IN ('H', 'W') THEN last := code; END IF;
    END LOOP;
    RETURN CASE WHEN letters = '' THEN '' ELSE rpad(left(result, 4), 4, '0') END;
END $$;
-- The number of equal characters in the two Soundex codes (DIFFERENCE).
CREATE FUNCTION pg_catalog.difference(a text, b text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT count(*)::int FROM generate_series(1, 4) AS i WHERE substr(soundex(a), i, 1) = substr(soundex(b), i, 1) $$;

-- Digits of a base from 2 to 36, after optional blanks, a sign and, for base 16, 0x (r_STRTOL).
CREATE FUNCTION pg_catalog.strtol(string text, base int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    digits text := ltrim(string);
    negative bool := left(digits, 1) = '-';
    total numeric := 0;
    digit int;
BEGIN
    digits := lower(CASE WHEN left(digits, 1) IN ('+', '-') THEN substr(digits, 2) ELSE digits END);
    IF base NOT BETWEEN 2 AND 36 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('The base of STRTOL must be between 2 and 36, not %s', base);
    END IF;
    IF base = 16 AND left(digits, 2) = '0x' THEN digits := substr(digits, 3); END IF;
    FOR i IN 1 .. length(digits) LOOP
        digit := strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, i, 1)) - 1;
        IF digit NOT BETWEEN 0 AND base - 1 THEN
            RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('The input %s is not valid to be converted to base %s', string, base);
        END IF;
        total := total * base + digit;
    END LOOP;
    RETURN CASE WHEN negative THEN -total ELSE total END;
END $$;

-- ROUND and TRUNC with a scale: PostgreSQL has them for numeric only (r_ROUND, r_TRUNC).
CREATE FUNCTION pg_catalog.round(float8, int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT round($1::numeric, $2)::float8 $$;
CREATE FUNCTION pg_catalog.trunc(float8, int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT trunc($1::numeric, $2)::float8 $$;

-- NULL where the cast fails (TRY_CAST). The type is passed as a NULL of that type and, for its size, by name.
CREATE FUNCTION redshift_internal.try_cast(value anycompatible, target anyelement, name text) RETURNS anyelement LANGUAGE plpgsql STABLE AS $$
DECLARE
    result target%TYPE;
BEGIN
    EXECUTE format('SELECT CAST($1 AS %s)', name) INTO result USING value;
    RETURN result;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

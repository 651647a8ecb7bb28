-- VARBYTE: stored and displayed as hexadecimal text, two digits per byte. Text is converted to its UTF-8 bytes.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html; pages named in parentheses are of the same guide.

SET LOCAL client_min_messages = warning;
CREATE TYPE pg_catalog.varbyte;
-- As for SUPER: an untyped literal is refused; 'abc'::varbyte is rewritten to 'abc'::text::varbyte.
CREATE FUNCTION redshift_internal.varbyte_in(cstring) RETURNS varbyte LANGUAGE internal IMMUTABLE STRICT AS 'pg_node_tree_in';
CREATE FUNCTION redshift_internal.varbyte_out(varbyte) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION redshift_internal.varbyte_send(varbyte) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'textsend';
CREATE FUNCTION redshift_internal.varbyte_typmod_in(cstring[]) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'varchartypmodin';
CREATE FUNCTION redshift_internal.varbyte_typmod_out(int) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'varchartypmodout';
CREATE TYPE pg_catalog.varbyte (
    INPUT = redshift_internal.varbyte_in, OUTPUT = redshift_internal.varbyte_out, SEND = redshift_internal.varbyte_send,
    TYPMOD_IN = redshift_internal.varbyte_typmod_in, TYPMOD_OUT = redshift_internal.varbyte_typmod_out,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended, COLLATABLE = true);

-- Conversions between the type and its hexadecimal text: rtrim1 does not change digits, and a cast WITHOUT FUNCTION would convert every text.
CREATE FUNCTION redshift_internal.hex_of(varbyte) RETURNS text LANGUAGE internal IMMUTABLE STRICT AS 'rtrim1';
CREATE FUNCTION redshift_internal.from_hex_text(text) RETURNS varbyte LANGUAGE internal IMMUTABLE STRICT AS 'rtrim1';
CREATE FUNCTION redshift_internal.to_varbyte(string text) RETURNS varbyte LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.from_hex_text(encode(convert_to(string, 'UTF8'), 'hex')) $$;
CREATE FUNCTION redshift_internal.to_text(value varbyte) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT convert_from(decode(redshift_internal.hex_of(value), 'hex'), 'UTF8') $$;
CREATE CAST (text AS varbyte) WITH FUNCTION redshift_internal.to_varbyte(text) AS ASSIGNMENT;
CREATE FUNCTION redshift_internal.varchar_to_varbyte(string varchar) RETURNS varbyte LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.to_varbyte(string::text) $$;
CREATE CAST (varchar AS varbyte) WITH FUNCTION redshift_internal.varchar_to_varbyte(varchar) AS ASSIGNMENT;
CREATE FUNCTION redshift_internal.to_varchar(value varbyte) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.to_text(value)::varchar $$;
CREATE CAST (varbyte AS varchar) WITH FUNCTION redshift_internal.to_varchar(varbyte) AS ASSIGNMENT;
CREATE CAST (varbyte AS text) WITH FUNCTION redshift_internal.to_text(varbyte) AS ASSIGNMENT;

-- A type modifier is the length plus four bytes of header. An explicit cast truncates, an assignment raises an error, as for VARCHAR.
CREATE FUNCTION redshift_internal.varbyte_fit(value varbyte, modifier int, explicit bool) RETURNS varbyte LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF modifier < 4 OR length(redshift_internal.hex_of(value)) <= 2 * (modifier - 4) THEN RETURN value; END IF;
    IF explicit THEN RETURN redshift_internal.from_hex_text(left(redshift_internal.hex_of(value), 2 * (modifier - 4))); END IF;
    RAISE EXCEPTION USING ERRCODE = '22001', MESSAGE = format('value too long for type binary varying(%s)', modifier - 4);
END $$;
CREATE CAST (varbyte AS varbyte) WITH FUNCTION redshift_internal.varbyte_fit(varbyte, int, bool) AS IMPLICIT;

CREATE FUNCTION redshift_internal.varbyte_eq(varbyte, varbyte) RETURNS bool LANGUAGE internal IMMUTABLE STRICT LEAKPROOF AS 'texteq';
CREATE FUNCTION redshift_internal.varbyte_ne(varbyte, varbyte) RETURNS bool LANGUAGE internal IMMUTABLE STRICT LEAKPROOF AS 'textne';
CREATE FUNCTION redshift_internal.varbyte_lt(varbyte, varbyte) RETURNS bool LANGUAGE internal IMMUTABLE STRICT LEAKPROOF AS 'text_pattern_lt';
CREATE FUNCTION redshift_internal.varbyte_le(varbyte, varbyte) RETURNS bool LANGUAGE internal IMMUTABLE STRICT LEAKPROOF AS 'text_pattern_le';
CREATE FUNCTION redshift_internal.varbyte_gt(varbyte, varbyte) RETURNS bool LANGUAGE internal IMMUTABLE STRICT LEAKPROOF AS 'text_pattern_gt';
CREATE FUNCTION redshift_internal.varbyte_ge(varbyte, varbyte) RETURNS bool LANGUAGE internal IMMUTABLE STRICT LEAKPROOF AS 'text_pattern_ge';
CREATE FUNCTION redshift_internal.varbyte_cmp(varbyte, varbyte) RETURNS int LANGUAGE internal IMMUTABLE STRICT LEAKPROOF AS 'bttext_pattern_cmp';
CREATE OPERATOR pg_catalog.= (LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = redshift_internal.varbyte_eq, COMMUTATOR = OPERATOR(pg_catalog.=), MERGES);
CREATE OPERATOR pg_catalog.<> (LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = redshift_internal.varbyte_ne, COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=));
CREATE OPERATOR pg_catalog.< (LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = redshift_internal.varbyte_lt);
CREATE OPERATOR pg_catalog.<= (LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = redshift_internal.varbyte_le);
CREATE OPERATOR pg_catalog.> (LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = redshift_internal.varbyte_gt);
CREATE OPERATOR pg_catalog.>= (LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = redshift_internal.varbyte_ge);
CREATE OPERATOR CLASS pg_catalog.varbyte_ops DEFAULT FOR TYPE varbyte USING btree AS
    OPERATOR 1 pg_catalog.<, OPERATOR 2 pg_catalog.<=, OPERATOR 3 pg_catalog.=, OPERATOR 4 pg_catalog.>=, OPERATOR 5 pg_catalog.>,
    FUNCTION 1 redshift_internal.varbyte_cmp(varbyte, varbyte);

-- FROM_HEX, FROM_VARBYTE, TO_HEX, TO_VARBYTE, the length and the concatenation (varbyte-functions).
CREATE FUNCTION pg_catalog.from_hex(string text) RETURNS varbyte LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.from_hex_text(encode(decode(string, 'hex'), 'hex')) $$;
CREATE FUNCTION pg_catalog.to_hex(value varbyte) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.hex_of(value) $$;
CREATE FUNCTION pg_catalog.to_hex(string text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT encode(convert_to(string, 'UTF8'), 'hex') $$;
CREATE FUNCTION pg_catalog.json_serialize_to_varbyte(value super) RETURNS varbyte LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.to_varbyte(redshift_internal.json_text(value)) $$;
CREATE FUNCTION redshift_internal.unknown_format(format text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unrecognized binary format "%s"', format);
END $$;
CREATE FUNCTION pg_catalog.to_varbyte(string text, format text) RETURNS varbyte LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE lower(format) WHEN 'hex' THEN from_hex(string) WHEN 'base64' THEN redshift_internal.from_hex_text(encode(decode(string, 'base64'), 'hex'))
        WHEN 'utf8' THEN redshift_internal.to_varbyte(string) WHEN 'utf-8' THEN redshift_internal.to_varbyte(string)
        ELSE redshift_internal.from_hex_text(redshift_internal.unknown_format(format)) END $$;
CREATE FUNCTION pg_catalog.from_varbyte(value varbyte, format text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE lower(format) WHEN 'hex' THEN redshift_internal.hex_of(value) WHEN 'base64' THEN encode(decode(redshift_internal.hex_of(value), 'hex'), 'base64')
        WHEN 'utf8' THEN redshift_internal.to_text(value) WHEN 'utf-8' THEN redshift_internal.to_text(value)
        ELSE redshift_internal.unknown_format(format) END $$;
CREATE FUNCTION pg_catalog.length(value varbyte) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT length(redshift_internal.hex_of(value)) / 2 $$;
CREATE FUNCTION pg_catalog.len(value varbyte) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT length(value) $$;
CREATE FUNCTION pg_catalog.octet_length(value varbyte) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT length(value) $$;
CREATE FUNCTION redshift_internal.concat(varbyte, varbyte) RETURNS varbyte LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.from_hex_text(redshift_internal.hex_of($1) || redshift_internal.hex_of($2)) $$;
CREATE OPERATOR pg_catalog.|| (LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = redshift_internal.concat);

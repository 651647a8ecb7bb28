-- Hash functions. Digests are lower-case hexadecimal; a string is hashed as its UTF-8 bytes, trailing blanks included.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/hash-functions.html; pages named in parentheses are of the same guide.

CREATE FUNCTION pg_catalog.sha2(string text, bits int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(CASE bits WHEN 0 THEN sha256(convert_to(string, 'UTF8')) WHEN 256 THEN sha256(convert_to(string, 'UTF8'))
        WHEN 224 THEN sha224(convert_to(string, 'UTF8')) WHEN 384 THEN sha384(convert_to(string, 'UTF8'))
        WHEN 512 THEN sha512(convert_to(string, 'UTF8')) ELSE '' END, 'hex') $$;
-- The text form of a CRC-32C (crc32-function).
CREATE FUNCTION pg_catalog.crc32(string text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT lpad(to_hex(crc32c(convert_to(string, 'UTF8'))), 8, '0') $$;

-- PostgreSQL has no SHA-1: FIPS 180-4, section 6.1, on 32-bit words stored in bigint.
CREATE FUNCTION redshift_internal.rotate32(word bigint, n int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ((word << n) | (word >> (32 - n))) & 4294967295 $$;
CREATE FUNCTION pg_catalog.sha1(string text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    bytes bytea := convert_to(string, 'UTF8');
    size int := octet_length(bytes);
    padded bytea := bytes || decode('80' || repeat('00', (119 - size % 64) % 64), 'hex') || int8send(size::bigint * 8);
    h bigint[] := ARRAY[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    w bigint[];
    s bigint[];
    f bigint;
    block int := 0;
BEGIN
    WHILE block < octet_length(padded) LOOP
        w := ARRAY[]::bigint[];
        FOR t IN 0 .. 15 LOOP
            w := w || ((get_byte(padded, block + 4 * t)::bigint << 24) | (get_byte(padded, block + 4 * t + 1) << 16)
                | (get_byte(padded, block + 4 * t + 2) << 8) | get_byte(padded, block + 4 * t + 3));
        END LOOP;
        FOR t IN 17 .. 80 LOOP
            w := w || redshift_internal.rotate32(w[t - 3] # w[t - 8] # w[t - 14] # w[t - 16], 1);
        END LOOP;
        s := h;
        FOR t IN 1 .. 80 LOOP
            f := CASE WHEN t <= 20 THEN ((s[2] & s[3]) | (~s[2] & s[4])) + 1518500249
                WHEN t <= 40 THEN (s[2] # s[3] # s[4]) + 1859775393
                WHEN t <= 60 THEN ((s[2] & s[3]) | (s[2] & s[4]) | (s[3] & s[4])) + 2400959708
                ELSE (s[2] # s[3] # s[4]) + 3395469782 END;
            s := ARRAY[(redshift_internal.rotate32(s[1], 5) + f + s[5] + w[t]) & 4294967295, s[1], redshift_internal.rotate32(s[2], 30), s[3], s[4]];
        END LOOP;
        FOR i IN 1 .. 5 LOOP h[i] := (h[i] + s[i]) & 4294967295; END LOOP;
        block := block + 64;
    END LOOP;
    RETURN (SELECT string_agg(lpad(to_hex(word), 8, '0'), '' ORDER BY place) FROM unnest(h) WITH ORDINALITY AS u (word, place));
END $$;
CREATE FUNCTION pg_catalog.sha(string text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT sha1(string) $$;
CREATE FUNCTION pg_catalog.func_sha1(string text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT sha1(string) $$;

-- FNV-1a with 64 bits; a seed is the result of an earlier call (r_FNV_HASH). The product modulo 2^64 is computed from 32-bit halves: the prime is
-- 2^40 + 435.
CREATE FUNCTION redshift_internal.fnv(bytes bytea, seed bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    low bigint := seed & 4294967295;
    high bigint := (seed >> 32) & 4294967295;
    product bigint;
BEGIN
    IF bytes IS NULL THEN RETURN NULL; END IF;
    FOR i IN 0 .. octet_length(bytes) - 1 LOOP
        low := low # get_byte(bytes, i);
        product := low * 435;
        high := (high * 435 + (product >> 32) + (low << 8)) & 4294967295;
        low := product & 4294967295;
    END LOOP;
    RETURN (high << 32) | low;
END $$;
CREATE FUNCTION redshift_internal.reversed(bytes bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT reverse(bytes) $$;
CREATE FUNCTION pg_catalog.fnv_hash(value text, seed bigint DEFAULT -3750763034362895579) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.fnv(convert_to(value, 'UTF8'), seed) $$;
CREATE FUNCTION pg_catalog.fnv_hash(value smallint, seed bigint DEFAULT -3750763034362895579) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.fnv(redshift_internal.reversed(int2send(value)), seed) $$;
CREATE FUNCTION pg_catalog.fnv_hash(value int, seed bigint DEFAULT -3750763034362895579) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.fnv(redshift_internal.reversed(int4send(value)), seed) $$;
CREATE FUNCTION pg_catalog.fnv_hash(value bigint, seed bigint DEFAULT -3750763034362895579) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.fnv(redshift_internal.reversed(int8send(value)), seed) $$;

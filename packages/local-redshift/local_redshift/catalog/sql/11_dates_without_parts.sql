-- Date and time functions that take no date part.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/Date_functions_header.html; pages named in parentheses are of the same guide.

-- GETDATE is the start of the statement in whole seconds, SYSDATE the start of the transaction in microseconds (r_GETDATE, r_SYSDATE).
CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT date_trunc('second', statement_timestamp()::timestamp) $$;
CREATE FUNCTION pg_catalog.sysdate() RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT transaction_timestamp()::timestamp $$;

CREATE FUNCTION pg_catalog.last_day(d date) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT (date_trunc('month', d::timestamp) + interval '1 month')::date - 1 $$;
CREATE FUNCTION pg_catalog.last_day(ts timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS $$ SELECT last_day(ts::date) $$;
CREATE FUNCTION pg_catalog.last_day(ts timestamptz) RETURNS date LANGUAGE sql STABLE AS $$ SELECT last_day(ts::date) $$;
CREATE FUNCTION pg_catalog.last_day(s text) RETURNS date LANGUAGE sql STABLE AS $$ SELECT last_day(s::timestamp::date) $$;

-- The last day of a month becomes the last day of the other month (r_ADD_MONTHS).
CREATE FUNCTION pg_catalog.add_months(ts timestamp, n bigint) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN ts::date = last_day(ts::date)
        THEN last_day((date_trunc('month', ts) + n * interval '1 month')::date) + ts::time ELSE ts + n * interval '1 month' END $$;
CREATE FUNCTION pg_catalog.add_months(d date, n bigint) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$ SELECT add_months(d::timestamp, n) $$;
CREATE FUNCTION pg_catalog.add_months(s text, n bigint) RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT add_months(s::timestamp, n) $$;

-- A whole number for equal days and for two month ends; otherwise with the fraction of a 31-day month, time of day included
-- (r_MONTHS_BETWEEN_function).
CREATE FUNCTION pg_catalog.months_between(a timestamp, b timestamp) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT date_diff('month', b, a) + CASE
        WHEN date_part('day', a) = date_part('day', b) THEN 0
        WHEN a::date = last_day(a::date) AND b::date = last_day(b::date) THEN 0
        ELSE (date_part('day', a) - date_part('day', b) + date_part('epoch', a::time - b::time) / 86400) / 31 END $$;
CREATE FUNCTION pg_catalog.months_between(a date, b date) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT months_between(a::timestamp, b::timestamp) $$;
CREATE FUNCTION pg_catalog.months_between(a text, b text) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT months_between(a::timestamp, b::timestamp) $$;

-- The full names, their first three letters and the other forms that the page lists (r_NEXT_DAY).
CREATE FUNCTION redshift_internal.weekday(name text) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    day text := lower(btrim(name));
BEGIN
    RETURN CASE
        WHEN day IN ('sunday', 'sun', 'su') THEN 0 WHEN day IN ('monday', 'mon', 'mo', 'm') THEN 1
        WHEN day IN ('tuesday', 'tues', 'tue', 'tu') THEN 2 WHEN day IN ('wednesday', 'wednes', 'wed', 'we', 'w') THEN 3
        WHEN day IN ('thursday', 'thurs', 'thur', 'thu', 'th') THEN 4 WHEN day IN ('friday', 'fri', 'fr', 'f') THEN 5
        WHEN day IN ('saturday', 'satur', 'sat', 'sa') THEN 6 ELSE redshift_internal.no_part(name, 'day') END;
END $$;
CREATE FUNCTION pg_catalog.next_day(d date, day text) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT d + 1 + (redshift_internal.weekday(day) - date_part('dow', d)::int + 6) % 7 $$;
CREATE FUNCTION pg_catalog.next_day(ts timestamp, day text) RETURNS date LANGUAGE sql IMMUTABLE AS $$ SELECT next_day(ts::date, day) $$;
CREATE FUNCTION pg_catalog.next_day(s text, day text) RETURNS date LANGUAGE sql STABLE AS $$ SELECT next_day(s::timestamp::date, day) $$;

-- An abbreviation is a fixed offset, a full name includes daylight saving time, `NAME+2` is POSIX: west is positive (CONVERT_TIMEZONE).
CREATE FUNCTION pg_catalog.convert_timezone(source text, target text, ts timestamp) RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT (ts AT TIME ZONE replace(source, ' ', '')) AT TIME ZONE replace(target, ' ', '') $$;
CREATE FUNCTION pg_catalog.convert_timezone(source text, target text, s text) RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT convert_timezone(source, target, s::timestamp) $$;
CREATE FUNCTION pg_catalog.convert_timezone(source text, target text, d date) RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT convert_timezone(source, target, d::timestamp) $$;
CREATE FUNCTION pg_catalog.convert_timezone(target text, ts timestamp) RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT convert_timezone('UTC', target, ts) $$;
CREATE FUNCTION pg_catalog.convert_timezone(target text, ts timestamptz) RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT ts AT TIME ZONE replace(target, ' ', '') $$;
CREATE FUNCTION pg_catalog.convert_timezone(target text, s text) RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT convert_timezone('UTC', target, s::timestamp) $$;

CREATE FUNCTION pg_catalog.date_part_year(d date) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT date_part('year', d)::int $$;

CREATE FUNCTION pg_catalog.trunc(ts timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS $$ SELECT ts::date $$;
CREATE FUNCTION pg_catalog.trunc(ts timestamptz) RETURNS date LANGUAGE sql STABLE AS $$ SELECT ts::date $$;
CREATE FUNCTION pg_catalog.trunc(d date) RETURNS date LANGUAGE sql IMMUTABLE AS $$ SELECT d $$;

-- With is_strict, a date that does not exist is an error; without it, Redshift moves it to the following month (r_TO_DATE_function).
CREATE FUNCTION pg_catalog.to_date(s text, format text, is_strict bool) RETURNS date LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF is_strict THEN RETURN to_date(s, format); END IF;
    RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'The local Redshift does not model TO_DATE with is_strict = FALSE: pass TRUE or correct the dates.';
END $$;

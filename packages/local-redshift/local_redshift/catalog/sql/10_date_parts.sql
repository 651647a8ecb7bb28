-- Date and time functions that take a date part. The part is always its long name: query/function_calls.py replaces abbreviations.
-- DATEADD and DATEDIFF are named DATE_ADD and DATE_DIFF here because Redshift names their result columns so.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/Date_functions_header.html; pages named in parentheses are of the same guide.

CREATE FUNCTION redshift_internal.no_part(part text, what text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('%s units "%s" not recognized', what, part);
END $$;

-- DATEADD(year) changes 29 February to 1 March, DATEADD(month, 12) changes it to 28 February (r_DATEADD_function, usage notes).
CREATE FUNCTION redshift_internal.add_years(ts timestamp, n bigint) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN date_part('month', ts) = 2 AND date_part('day', ts) = 29
        THEN ts - interval '1 day' + n * interval '1 year' + interval '1 day' ELSE ts + n * interval '1 year' END $$;

CREATE FUNCTION pg_catalog.date_add(part text, n bigint, ts timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE part
        WHEN 'year' THEN redshift_internal.add_years(ts, n)
        WHEN 'decade' THEN redshift_internal.add_years(ts, 10 * n)
        WHEN 'century' THEN redshift_internal.add_years(ts, 100 * n)
        WHEN 'millennium' THEN redshift_internal.add_years(ts, 1000 * n)
        WHEN 'quarter' THEN ts + n * interval '3 months'
        WHEN 'month' THEN ts + n * interval '1 month'
        WHEN 'week' THEN ts + n * interval '7 days'
        WHEN 'day' THEN ts + n * interval '1 day'
        WHEN 'hour' THEN ts + n * interval '1 hour'
        WHEN 'minute' THEN ts + n * interval '1 minute'
        WHEN 'second' THEN ts + n * interval '1 second'
        WHEN 'millisecond' THEN ts + n * interval '1 millisecond'
        WHEN 'microsecond' THEN ts + n * interval '1 microsecond'
        ELSE ts + redshift_internal.no_part(part, 'timestamp') * interval '0' END $$;
CREATE FUNCTION pg_catalog.date_add(part text, n bigint, d date) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$ SELECT date_add(part, n, d::timestamp) $$;
CREATE FUNCTION pg_catalog.date_add(part text, n bigint, s text) RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT date_add(part, n, s::timestamp) $$;
CREATE FUNCTION pg_catalog.date_add(part text, n bigint, ts timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT date_add(part, n, ts::timestamp)::timestamptz $$;
CREATE FUNCTION redshift_internal.time_step(part text, n bigint) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE part
        WHEN 'hour' THEN n * interval '1 hour'
        WHEN 'minute' THEN n * interval '1 minute'
        WHEN 'second' THEN n * interval '1 second'
        WHEN 'millisecond' THEN n * interval '1 millisecond'
        WHEN 'microsecond' THEN n * interval '1 microsecond'
        ELSE redshift_internal.no_part(part, 'time') * interval '0' END $$;
CREATE FUNCTION pg_catalog.date_add(part text, n bigint, t time) RETURNS time LANGUAGE sql IMMUTABLE AS $$ SELECT t + redshift_internal.time_step(part, n) $$;
CREATE FUNCTION pg_catalog.date_add(part text, n bigint, t timetz) RETURNS timetz LANGUAGE sql IMMUTABLE AS $$
    SELECT (t AT TIME ZONE 'UTC') + redshift_internal.time_step(part, n) $$;

-- DATEDIFF counts the boundaries crossed, not the time elapsed (r_DATEDIFF_function).
CREATE FUNCTION pg_catalog.date_diff(part text, a timestamp, b timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE part
        WHEN 'year' THEN (date_part('year', b) - date_part('year', a))::bigint
        WHEN 'decade' THEN (date_part('decade', b) - date_part('decade', a))::bigint
        WHEN 'century' THEN (date_part('century', b) - date_part('century', a))::bigint
        WHEN 'millennium' THEN (date_part('millennium', b) - date_part('millennium', a))::bigint
        WHEN 'quarter' THEN (4 * (date_part('year', b) - date_part('year', a)) + date_part('quarter', b) - date_part('quarter', a))::bigint
        WHEN 'month' THEN (12 * (date_part('year', b) - date_part('year', a)) + date_part('month', b) - date_part('month', a))::bigint
        WHEN 'week' THEN (date_trunc('week', b)::date - date_trunc('week', a)::date) / 7
        WHEN 'day' THEN (b::date - a::date)::bigint
        WHEN 'hour' THEN (floor(date_part('epoch', b) / 3600) - floor(date_part('epoch', a) / 3600))::bigint
        WHEN 'minute' THEN (floor(date_part('epoch', b) / 60) - floor(date_part('epoch', a) / 60))::bigint
        WHEN 'second' THEN (floor(date_part('epoch', b)) - floor(date_part('epoch', a)))::bigint
        WHEN 'millisecond' THEN floor(extract(epoch FROM b) * 1000)::bigint - floor(extract(epoch FROM a) * 1000)::bigint
        WHEN 'microsecond' THEN (extract(epoch FROM b) * 1000000)::bigint - (extract(epoch FROM a) * 1000000)::bigint
        ELSE redshift_internal.no_part(part, 'timestamp') END $$;
CREATE FUNCTION pg_catalog.date_diff(part text, a date, b date) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT date_diff(part, a::timestamp, b::timestamp) $$;
CREATE FUNCTION pg_catalog.date_diff(part text, a text, b text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT date_diff(part, a::timestamp, b::timestamp) $$;
CREATE FUNCTION pg_catalog.date_diff(part text, a timestamptz, b timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT date_diff(part, a::timestamp, b::timestamp) $$;
CREATE FUNCTION pg_catalog.date_diff(part text, a time, b time) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN part IN ('hour', 'minute', 'second', 'millisecond', 'microsecond')
        THEN date_diff(part, date '2000-01-01' + a, date '2000-01-01' + b) ELSE redshift_internal.no_part(part, 'time') END $$;
CREATE FUNCTION pg_catalog.date_diff(part text, a timetz, b timetz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT date_diff(part, (a AT TIME ZONE 'UTC')::time, (b AT TIME ZONE 'UTC')::time) $$;

-- DATE_PART returns seconds with their fraction; decades count from 1 (r_Dateparts_for_datetime_functions).
CREATE FUNCTION pg_catalog.pgdate_part(part text, ts timestamp) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE part WHEN 'decade' THEN date_part('decade', ts) + 1 ELSE date_part(part, ts) END $$;
CREATE FUNCTION pg_catalog.pgdate_part(part text, d date) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT pgdate_part(part, d::timestamp) $$;
CREATE FUNCTION pg_catalog.pgdate_part(part text, s text) RETURNS float8 LANGUAGE sql STABLE AS $$ SELECT pgdate_part(part, s::timestamp) $$;
CREATE FUNCTION pg_catalog.pgdate_part(part text, ts timestamptz) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT CASE part WHEN 'decade' THEN date_part('decade', ts) + 1 ELSE date_part(part, ts) END $$;
CREATE FUNCTION pg_catalog.pgdate_part(part text, t time) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT date_part(part, t) $$;
CREATE FUNCTION pg_catalog.pgdate_part(part text, t timetz) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT date_part(part, t) $$;
CREATE FUNCTION pg_catalog.pgdate_part(part text, i interval) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT date_part(part, i) $$;

-- EXTRACT returns one field without the fields below and above it, as an integer, or DOUBLE PRECISION for TIMESTAMPTZ (r_EXTRACT_function).
CREATE FUNCTION redshift_internal.field(part text, whole float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE part
        WHEN 'millisecond' THEN floor(whole)::bigint % 1000
        WHEN 'microsecond' THEN floor(whole)::bigint % 1000
        WHEN 'decade' THEN whole + 1
        ELSE floor(whole) END::float8 $$;
CREATE FUNCTION redshift_internal.date_part(part text, ts timestamp) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.field(part, pg_catalog.date_part(part, ts))::int $$;
CREATE FUNCTION redshift_internal.date_part(part text, d date) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.field(part, pg_catalog.date_part(part, d::timestamp))::int $$;
CREATE FUNCTION redshift_internal.date_part(part text, t time) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.field(part, pg_catalog.date_part(part, t))::int $$;
CREATE FUNCTION redshift_internal.date_part(part text, t timetz) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.field(part, pg_catalog.date_part(part, t))::int $$;
CREATE FUNCTION redshift_internal.date_part(part text, ts timestamptz) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT redshift_internal.field(part, pg_catalog.date_part(part, ts)) $$;
CREATE FUNCTION redshift_internal.date_part(part text, i interval) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.field(part, pg_catalog.date_part(part, i)) $$;

CREATE FUNCTION pg_catalog.date_trunc(part text, d date) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$ SELECT date_trunc(part, d::timestamp) $$;
CREATE FUNCTION pg_catalog.date_trunc(part text, s text) RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT date_trunc(part, s::timestamp) $$;

-- Aggregates whose results differ from PostgreSQL's. query/function_calls.py calls these for AVG, STDDEV and VARIANCE.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_Aggregate_Functions.html; pages named in parentheses are of the same guide.

-- AVG of integers is an integer and AVG of decimals has their scale; both are truncated (r_AVG; r_FROM_clause-pivot-unpivot-examples:
-- 8.15 / 3 = 2.71).
CREATE FUNCTION redshift_internal.avg_integer(state bigint[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN state[1] > 0 THEN state[2] / state[1] END $$;
CREATE AGGREGATE redshift_internal.avg(smallint) (
    SFUNC = int2_avg_accum, STYPE = bigint[], INITCOND = '{0,0}', FINALFUNC = redshift_internal.avg_integer,
    MSFUNC = int2_avg_accum, MINVFUNC = int2_avg_accum_inv, MSTYPE = bigint[], MINITCOND = '{0,0}', MFINALFUNC = redshift_internal.avg_integer);
CREATE AGGREGATE redshift_internal.avg(int) (
    SFUNC = int4_avg_accum, STYPE = bigint[], INITCOND = '{0,0}', FINALFUNC = redshift_internal.avg_integer,
    MSFUNC = int4_avg_accum, MINVFUNC = int4_avg_accum_inv, MSTYPE = bigint[], MINITCOND = '{0,0}', MFINALFUNC = redshift_internal.avg_integer);
CREATE FUNCTION redshift_internal.avg_add(state numeric[], value numeric) RETURNS numeric[] LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    state[1] := numeric_inc(state[1]);
    state[2] := numeric_add(state[2], value);
    RETURN state;
END $$;
CREATE FUNCTION redshift_internal.avg_add(state numeric[], value bigint) RETURNS numeric[] LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    state[1] := numeric_inc(state[1]);
    state[2] := numeric_add(state[2], value);
    RETURN state;
END $$;
CREATE FUNCTION redshift_internal.avg_bigint(state numeric[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN state[1] > 0 THEN div(state[2], state[1])::bigint END $$;
CREATE FUNCTION redshift_internal.avg_decimal(state numeric[]) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN state[1] > 0
        THEN redshift_internal.quotient(state[2], state[1], scale(state[2])) END $$;
CREATE AGGREGATE redshift_internal.avg(bigint) (
    SFUNC = redshift_internal.avg_add, STYPE = numeric[], INITCOND = '{0,0}', FINALFUNC = redshift_internal.avg_bigint);
CREATE AGGREGATE redshift_internal.avg(numeric) (
    SFUNC = redshift_internal.avg_add, STYPE = numeric[], INITCOND = '{0,0}', FINALFUNC = redshift_internal.avg_decimal);
CREATE AGGREGATE redshift_internal.avg(real) (SFUNC = float4_accum, STYPE = float8[], INITCOND = '{0,0,0}', FINALFUNC = float8_avg);
CREATE AGGREGATE redshift_internal.avg(float8) (SFUNC = float8_accum, STYPE = float8[], INITCOND = '{0,0,0}', FINALFUNC = float8_avg);

-- STDDEV and VARIANCE return DOUBLE PRECISION for every argument type (r_STDDEV_functions, r_VARIANCE_functions).
CREATE AGGREGATE redshift_internal.stddev(float8) (SFUNC = float8_accum, STYPE = float8[], INITCOND = '{0,0,0}', FINALFUNC = float8_stddev_samp);
CREATE AGGREGATE redshift_internal.stddev_samp(float8) (SFUNC = float8_accum, STYPE = float8[], INITCOND = '{0,0,0}', FINALFUNC = float8_stddev_samp);
CREATE AGGREGATE redshift_internal.stddev_pop(float8) (SFUNC = float8_accum, STYPE = float8[], INITCOND = '{0,0,0}', FINALFUNC = float8_stddev_pop);
CREATE AGGREGATE redshift_internal.variance(float8) (SFUNC = float8_accum, STYPE = float8[], INITCOND = '{0,0,0}', FINALFUNC = float8_var_samp);
CREATE AGGREGATE redshift_internal.var_samp(float8) (SFUNC = float8_accum, STYPE = float8[], INITCOND = '{0,0,0}', FINALFUNC = float8_var_samp);
CREATE AGGREGATE redshift_internal.var_pop(float8) (SFUNC = float8_accum, STYPE = float8[], INITCOND = '{0,0,0}', FINALFUNC = float8_var_pop);

-- LISTAGG ignores NULL and empty strings; its result is at most a VARCHAR(MAX) (r_LISTAGG).
CREATE FUNCTION redshift_internal.listagg_add(state text, value anyelement, delimiter text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value IS NULL OR value::text = '' THEN state
        WHEN state IS NULL THEN value::text ELSE state || coalesce(delimiter, '') || value::text END $$;
CREATE FUNCTION redshift_internal.listagg_add(state text, value anyelement) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.listagg_add(state, value, '') $$;
CREATE FUNCTION redshift_internal.listagg_end(state text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF octet_length(state) > 65535 THEN
        RAISE EXCEPTION USING ERRCODE = '22001', MESSAGE = 'Result size exceeds LISTAGG limit';
    END IF;
    RETURN state;
END $$;
CREATE AGGREGATE redshift_internal.listagg(anyelement, text) (
    SFUNC = redshift_internal.listagg_add, STYPE = text, FINALFUNC = redshift_internal.listagg_end);
CREATE AGGREGATE redshift_internal.listagg(anyelement) (
    SFUNC = redshift_internal.listagg_add, STYPE = text, FINALFUNC = redshift_internal.listagg_end);

CREATE FUNCTION redshift_internal.share(share float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF share BETWEEN 0 AND 1 THEN RETURN share; END IF;
    RAISE EXCEPTION USING ERRCODE = '22003', MESSAGE = format('percentile value %s is not between 0 and 1', share);
END $$;

-- MEDIAN and PERCENTILE_* WITHIN GROUP are ordinary aggregates here, because they may have OVER, which PostgreSQL does not allow for
-- ordered-set aggregates.
CREATE FUNCTION redshift_internal.keep_numeric(state numeric[], share float8, value numeric) RETURNS numeric[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value IS NULL THEN state ELSE array_append(coalesce(state, ARRAY[redshift_internal.share(share)::numeric]), value) END $$;
CREATE FUNCTION redshift_internal.keep_float(state float8[], share float8, value float8) RETURNS float8[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value IS NULL THEN state ELSE array_append(coalesce(state, ARRAY[redshift_internal.share(share)]), value) END $$;
CREATE FUNCTION redshift_internal.interpolate(state numeric[]) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    WITH sorted AS (SELECT array_agg(v ORDER BY v) AS a, state[1] * (cardinality(state) - 2) AS place FROM unnest(state[2:]) AS v)
    SELECT CASE WHEN state IS NOT NULL
        THEN a[floor(place)::int + 1] + (a[ceil(place)::int + 1] - a[floor(place)::int + 1]) * (place - floor(place)) END FROM sorted $$;
CREATE FUNCTION redshift_internal.interpolate(state float8[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    WITH sorted AS (SELECT array_agg(v ORDER BY v) AS a, state[1] * (cardinality(state) - 2) AS place FROM unnest(state[2:]) AS v)
    SELECT CASE WHEN state IS NOT NULL
        THEN a[floor(place)::int + 1] + (a[ceil(place)::int + 1] - a[floor(place)::int + 1]) * (place - floor(place)) END FROM sorted $$;
CREATE AGGREGATE redshift_internal.percentile_cont(float8, numeric) (
    SFUNC = redshift_internal.keep_numeric, STYPE = numeric[], FINALFUNC = redshift_internal.interpolate);
CREATE AGGREGATE redshift_internal.percentile_cont(float8, float8) (
    SFUNC = redshift_internal.keep_float, STYPE = float8[], FINALFUNC = redshift_internal.interpolate);

CREATE FUNCTION redshift_internal.median_keep(state numeric[], value numeric) RETURNS numeric[] LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.keep_numeric(state, 0.5, value) $$;
CREATE FUNCTION redshift_internal.median_keep(state float8[], value float8) RETURNS float8[] LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.keep_float(state, 0.5, value) $$;
CREATE FUNCTION redshift_internal.median_keep(state float8[], value timestamp) RETURNS float8[] LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.keep_float(state, 0.5, date_part('epoch', value)) $$;
CREATE FUNCTION redshift_internal.median_keep(state float8[], value date) RETURNS float8[] LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.keep_float(state, 0.5, date_part('epoch', value)) $$;
CREATE FUNCTION redshift_internal.median_timestamp(state float8[]) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT timestamp '1970-01-01' + redshift_internal.interpolate(state) * interval '1 second' $$;
CREATE FUNCTION redshift_internal.median_date(state float8[]) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT redshift_internal.median_timestamp(state)::date $$;
CREATE AGGREGATE pg_catalog.median(numeric) (SFUNC = redshift_internal.median_keep, STYPE = numeric[], FINALFUNC = redshift_internal.interpolate);
CREATE AGGREGATE pg_catalog.median(float8) (SFUNC = redshift_internal.median_keep, STYPE = float8[], FINALFUNC = redshift_internal.interpolate);
CREATE AGGREGATE pg_catalog.median(timestamp) (SFUNC = redshift_internal.median_keep, STYPE = float8[], FINALFUNC = redshift_internal.median_timestamp);
CREATE AGGREGATE pg_catalog.median(date) (SFUNC = redshift_internal.median_keep, STYPE = float8[], FINALFUNC = redshift_internal.median_date);

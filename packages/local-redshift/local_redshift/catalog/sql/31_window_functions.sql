-- Window functions that PostgreSQL does not have: IGNORE NULLS, RATIO_TO_REPORT, and PERCENTILE_DISC with OVER. query/window_functions.py writes
-- the calls; an aggregate of the values in the frame that are not NULL returns what IGNORE NULLS returns.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_Window_functions.html; pages named in parentheses are of the same guide.

CREATE FUNCTION redshift_internal.keep_first(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 $$;
CREATE FUNCTION redshift_internal.keep_last(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $2 $$;
CREATE AGGREGATE redshift_internal.first_value(anyelement) (SFUNC = redshift_internal.keep_first, STYPE = anyelement);
CREATE AGGREGATE redshift_internal.last_value(anyelement) (SFUNC = redshift_internal.keep_last, STYPE = anyelement);
CREATE AGGREGATE redshift_internal.lag(anyelement) (SFUNC = redshift_internal.keep_last, STYPE = anyelement);
CREATE AGGREGATE redshift_internal.lead(anyelement) (SFUNC = redshift_internal.keep_first, STYPE = anyelement);

CREATE FUNCTION redshift_internal.ratio_to_report(value float8, total float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT value / nullif(total, 0) $$;

-- The smallest value whose cumulative distribution is at least `share`; NULLs are ignored (r_WF_PERCENTILE_DISC).
CREATE FUNCTION redshift_internal.percentile_disc(share float8, kept anyarray) RETURNS anyelement LANGUAGE sql IMMUTABLE AS $$
    SELECT v FROM (SELECT v, cume_dist() OVER (ORDER BY v) AS reached FROM unnest(kept) AS v WHERE v IS NOT NULL) AS sorted
    WHERE reached >= share ORDER BY v LIMIT 1 $$;

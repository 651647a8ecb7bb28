-- Arithmetic of DECIMALs: at most 38 digits, and the scale of a quotient depends on the types of both operands.
-- query/decimals/ rewrites a quotient with its scale; one whose scale it cannot determine is evaluated by decimal_div here.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html; pages named in parentheses are of the same guide.

CREATE FUNCTION redshift_internal.within_38(value numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF length(replace(ltrim(abs(value)::text, '0.'), '.', '')) > 38 THEN
        RAISE EXCEPTION USING ERRCODE = '22003', MESSAGE = 'Numeric data overflow (result precision)';
    END IF;
    RETURN value;
END $$;

-- The first condition is the fast path: such a number always has fewer than 38 digits.
CREATE FUNCTION redshift_internal.decimal_add(a numeric, b numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    result numeric := numeric_add(a, b);
BEGIN
    IF result BETWEEN -1e18 AND 1e18 AND scale(result) < 20 THEN RETURN result; END IF;
    RETURN redshift_internal.within_38(result);
END $$;
CREATE FUNCTION redshift_internal.decimal_sub(a numeric, b numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    result numeric := numeric_sub(a, b);
BEGIN
    IF result BETWEEN -1e18 AND 1e18 AND scale(result) < 20 THEN RETURN result; END IF;
    RETURN redshift_internal.within_38(result);
END $$;
CREATE FUNCTION redshift_internal.decimal_mul(a numeric, b numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    result numeric := numeric_mul(a, b);
BEGIN
    IF result BETWEEN -1e18 AND 1e18 AND scale(result) < 20 THEN RETURN result; END IF;
    RETURN redshift_internal.within_38(result);
END $$;

-- The result is truncated, not rounded (r_FROM_clause-pivot-unpivot-examples: 8.15 / 3 = 2.71).
CREATE FUNCTION redshift_internal.quotient(dividend numeric, divisor numeric, scale int) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN numeric_mul(div(numeric_mul(dividend, ('1e' || scale)::numeric), divisor), ('1e-' || scale)::numeric);
END $$;
-- Every scale is at least 4, so a quotient that is exact at that scale is correct for every scale.
CREATE FUNCTION redshift_internal.decimal_div(dividend numeric, divisor numeric) RETURNS numeric LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
    result numeric := redshift_internal.quotient(dividend, divisor, 4);
BEGIN
    IF numeric_mul(result, divisor) = dividend THEN RETURN result; END IF;
    RAISE EXCEPTION USING ERRCODE = '0A000',
        MESSAGE = 'The local Redshift could not determine the scale of this quotient of DECIMALs: cast both sides, as in a::decimal(18,2) / b::decimal(18,2).';
END $$;

UPDATE pg_operator o SET oprcode = n.code
FROM (VALUES ('+', 'decimal_add'), ('-', 'decimal_sub'), ('*', 'decimal_mul'), ('/', 'decimal_div')) AS f (sign, name)
CROSS JOIN LATERAL (SELECT ('redshift_internal.' || f.name)::regproc AS code) AS n
WHERE o.oprname = f.sign AND o.oprleft = 'numeric'::regtype AND o.oprright = 'numeric'::regtype AND o.oprnamespace = 'pg_catalog'::regnamespace;

-- These functions return DOUBLE PRECISION for every argument type (r_SQRT, r_EXP, r_LN, r_LOG, r_POWER, r_OPERATOR_SYMBOLS), and so does SUM of
-- REAL; SUM of BIGINT is BIGINT (r_SUM). Without PostgreSQL's functions for NUMERIC, a call resolves to the one for DOUBLE PRECISION.
UPDATE pg_proc SET proname = 'redshift$' || proname
WHERE oid = ANY (ARRAY['pg_catalog.sqrt(numeric)', 'pg_catalog.exp(numeric)', 'pg_catalog.ln(numeric)', 'pg_catalog.log(numeric)', 'pg_catalog.log10(numeric)',
    'pg_catalog.log(numeric,numeric)', 'pg_catalog.power(numeric,numeric)', 'pg_catalog.pow(numeric,numeric)', 'pg_catalog.sum(real)', 'pg_catalog.sum(bigint)']::regprocedure[]);
UPDATE pg_operator SET oprname = '^$' WHERE oid = 'pg_catalog.^(numeric,numeric)'::regoperator;
CREATE AGGREGATE pg_catalog.sum(bigint) (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, PARALLEL = SAFE);

-- SMALLINT, INTEGER and BIGINT are converted to BOOLEAN implicitly, as in WHERE 1; PostgreSQL needs a cast, and has none of the first and the last.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html, "Implicit conversion types".

UPDATE pg_cast SET castcontext = 'i' WHERE castsource = 'int4'::regtype AND casttarget = 'bool'::regtype;
CREATE FUNCTION redshift_internal.to_boolean(smallint) RETURNS bool LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT $1 <> 0 $$;
CREATE FUNCTION redshift_internal.to_boolean(bigint) RETURNS bool LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT $1 <> 0 $$;
CREATE CAST (smallint AS bool) WITH FUNCTION redshift_internal.to_boolean(smallint) AS IMPLICIT;
CREATE CAST (bigint AS bool) WITH FUNCTION redshift_internal.to_boolean(bigint) AS IMPLICIT;

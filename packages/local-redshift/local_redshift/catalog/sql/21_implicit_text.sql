-- Numbers, dates and times are converted to VARCHAR implicitly where a string function or LIKE needs one; PostgreSQL needs a cast. A value that is
-- text already still resolves to the built-in function, because text is the preferred type of its category.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html, "Implicit conversion types".

DO $$
DECLARE
    target record;
BEGIN
    -- Name, the arguments after the value, and the body, in which the value is converted to text.
    FOR target IN SELECT * FROM (VALUES
        ('len', '', 'length($1::text)'), ('length', '', 'length($1::text)'),
        ('left', ', int', 'left($1::text, $2)'), ('right', ', int', 'right($1::text, $2)'),
        ('substring', ', int', 'substring($1::text, $2)'), ('substring', ', int, int', 'substring($1::text, $2, $3)'),
        ('substr', ', int', 'substr($1::text, $2)'), ('substr', ', int, int', 'substr($1::text, $2, $3)'),
        ('lpad', ', int', 'lpad($1::text, $2)'), ('lpad', ', int, text', 'lpad($1::text, $2, $3)'),
        ('rpad', ', int', 'rpad($1::text, $2)'), ('rpad', ', int, text', 'rpad($1::text, $2, $3)'),
        ('replace', ', text, text', 'replace($1::text, $2, $3)'), ('strpos', ', text', 'strpos($1::text, $2)'),
        ('reverse', '', 'reverse($1::text)'), ('btrim', '', 'btrim($1::text)')) AS f (name, more, body)
    LOOP
        EXECUTE format('CREATE FUNCTION pg_catalog.%I(anynonarray%s) RETURNS %s LANGUAGE sql STABLE AS %L', target.name, target.more,
            CASE WHEN target.name IN ('len', 'length', 'strpos') THEN 'int' ELSE 'text' END, 'SELECT ' || target.body);
    END LOOP;
    FOR target IN SELECT unnest(ARRAY['smallint', 'int', 'bigint', 'numeric', 'real', 'float8', 'date', 'timestamp', 'timestamptz', 'time']) AS name LOOP
        EXECUTE format('CREATE FUNCTION redshift_internal.is_like(%s, text) RETURNS bool LANGUAGE sql STABLE AS %L', target.name, 'SELECT $1::text LIKE $2');
        EXECUTE format('CREATE FUNCTION redshift_internal.is_not_like(%s, text) RETURNS bool LANGUAGE sql STABLE AS %L', target.name, 'SELECT $1::text NOT LIKE $2');
        EXECUTE format('CREATE OPERATOR pg_catalog.~~ (LEFTARG = %s, RIGHTARG = text, FUNCTION = redshift_internal.is_like)', target.name);
        EXECUTE format('CREATE OPERATOR pg_catalog.!~~ (LEFTARG = %s, RIGHTARG = text, FUNCTION = redshift_internal.is_not_like)', target.name);
    END LOOP;
END $$;
CREATE FUNCTION pg_catalog.charindex(part text, value anynonarray) RETURNS int LANGUAGE sql STABLE AS $$ SELECT strpos(value::text, part) $$;
CREATE FUNCTION redshift_internal.upper(value anynonarray) RETURNS text LANGUAGE sql STABLE AS $$ SELECT redshift_internal.upper(value::text) $$;
CREATE FUNCTION redshift_internal.lower(value anynonarray) RETURNS text LANGUAGE sql STABLE AS $$ SELECT redshift_internal.lower(value::text) $$;
CREATE FUNCTION redshift_internal.quote_literal(value anynonarray) RETURNS text LANGUAGE sql STABLE AS $$ SELECT redshift_internal.quote_literal(value::text) $$;
CREATE FUNCTION redshift_internal.split_part(value anynonarray, delimiter text, part int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT redshift_internal.split_part(value::text, delimiter, part) $$;

-- Redshift has no cast of BOOLEAN to text ("cannot cast type boolean to character varying").
CREATE FUNCTION redshift_internal.boolean_to_text(value bool) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '42846', MESSAGE = 'cannot cast type boolean to character varying', HINT = 'Write CASE WHEN … THEN ''true'' ELSE ''false'' END.';
END $$;
UPDATE pg_cast SET castfunc = 'redshift_internal.boolean_to_text'::regproc
WHERE castsource = 'boolean'::regtype AND casttarget IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype);

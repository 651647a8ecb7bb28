-- The operators ~ and !~ accept the patterns that the functions accept (60_regex.sql); for columns of type name they stay PostgreSQL's.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/pattern-matching-conditions-posix.html.

CREATE FUNCTION redshift_internal.operator_pattern(pattern text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN starts_with(pattern, '***:^(?:') THEN pattern ELSE redshift_internal.regex_pattern(pattern, 'c') END $$;
CREATE FUNCTION redshift_internal.matches(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.textregexeq($1, redshift_internal.operator_pattern($2)) $$;
CREATE FUNCTION redshift_internal.matches_not(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.textregexne($1, redshift_internal.operator_pattern($2)) $$;
CREATE FUNCTION redshift_internal.matches(bpchar, text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.bpcharregexeq($1, redshift_internal.operator_pattern($2)) $$;
CREATE FUNCTION redshift_internal.matches_not(bpchar, text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.bpcharregexne($1, redshift_internal.operator_pattern($2)) $$;

-- PostgreSQL evaluates SIMILAR TO as ~ with the pattern that similar_to_escape returns, which has groups that 60_regex.sql refuses: the prefix
-- exempts it. Not STRICT, so that it is always inlined, and STABLE, so that it is not computed before: PostgreSQL calls a built-in function by
-- its oid and ignores its new definition.
CREATE FUNCTION redshift_internal.similar_pattern(text) RETURNS text LANGUAGE internal IMMUTABLE STRICT AS 'similar_to_escape_1';
CREATE FUNCTION redshift_internal.similar_pattern(text, text) RETURNS text LANGUAGE internal IMMUTABLE STRICT AS 'similar_to_escape_2';
CREATE OR REPLACE FUNCTION pg_catalog.similar_to_escape(text) RETURNS text LANGUAGE sql STABLE CALLED ON NULL INPUT AS $$
    SELECT '***:' || redshift_internal.similar_pattern($1) $$;
CREATE OR REPLACE FUNCTION pg_catalog.similar_to_escape(text, text) RETURNS text LANGUAGE sql STABLE CALLED ON NULL INPUT AS $$
    SELECT '***:' || redshift_internal.similar_pattern($1, $2) $$;

UPDATE pg_operator SET oprcode = format('redshift_internal.%s(%s, text)', CASE oprname WHEN '~' THEN 'matches' ELSE 'matches_not' END, oprleft::regtype)::regprocedure
WHERE oprname IN ('~', '!~') AND oprleft IN ('text'::regtype, 'bpchar'::regtype) AND oprright = 'text'::regtype AND oprnamespace = 'pg_catalog'::regnamespace;
-- Redshift has no ~* and !~* ; protocol/error_translation.py adds the alternative to the error.
DELETE FROM pg_operator WHERE oprname IN ('~*', '!~*') AND oprnamespace = 'pg_catalog'::regnamespace;

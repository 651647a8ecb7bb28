-- The type of a bare literal or NULL in a subquery, a CTE or a view (query/untyped_literals.py): text without an operator, an ordering or a
-- function, whose name protocol/error_translation.py finds in PostgreSQL's errors. A value may be assigned and cast explicitly: nothing shows that a
-- cluster refuses that. The number is fixed, so that protocol/relay.py can describe such a column of a result as text.

INSERT INTO pg_type SELECT (jsonb_populate_record(t, jsonb_build_object('oid', 8705, 'typname', 'redshift_unknown', 'typcategory', 'U',
    'typispreferred', false, 'typarray', 0, 'typcollation', 0))).*
FROM pg_type AS t WHERE t.oid = 'text'::regtype;

CREATE CAST (redshift_unknown AS text) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (redshift_unknown AS varchar) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE FUNCTION redshift_internal.to_super(redshift_unknown) RETURNS super LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.to_super($1::text) $$;
CREATE CAST (redshift_unknown AS super) WITH FUNCTION redshift_internal.to_super(redshift_unknown) AS ASSIGNMENT;
CREATE FUNCTION redshift_internal.to_varbyte(redshift_unknown) RETURNS varbyte LANGUAGE sql IMMUTABLE AS $$ SELECT redshift_internal.to_varbyte($1::text) $$;
CREATE CAST (redshift_unknown AS varbyte) WITH FUNCTION redshift_internal.to_varbyte(redshift_unknown) AS ASSIGNMENT;
DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY string_to_array('smallint,int,bigint,numeric,real,float8,bool,date,timestamp,timestamptz,time,timetz,interval,bpchar', ',') LOOP
        EXECUTE format('CREATE CAST (redshift_unknown AS %s) WITH INOUT AS ASSIGNMENT', target);
    END LOOP;
END $$;

-- What takes a value of any type would take one without a type too. The body of these cannot be planned, so each use is the error of a function
-- that does not exist, before any row is read.
SET LOCAL check_function_bodies = off;
DO $$
DECLARE
    target record;
BEGIN
    FOR target IN
        SELECT p.oid::regproc AS name, p.prorettype::regtype AS result,
               (SELECT string_agg(CASE a.type WHEN 'anynonarray'::regtype THEN 'redshift_unknown' ELSE format_type(a.type, NULL) END, ', ' ORDER BY a.place)
                FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, place)) AS arguments
        FROM pg_proc AS p WHERE 'anynonarray'::regtype = ANY (p.proargtypes) AND p.oid >= 16384
    LOOP
        EXECUTE format('CREATE FUNCTION %s(%s) RETURNS %s LANGUAGE sql IMMUTABLE AS ''SELECT redshift_internal.typed($1)''',
            target.name, target.arguments, target.result);
    END LOOP;
    FOR target IN SELECT * FROM (VALUES ('redshift_unknown', 'text'), ('text', 'redshift_unknown'), ('redshift_unknown', 'redshift_unknown')) AS f (a, b) LOOP
        EXECUTE format('CREATE FUNCTION redshift_internal.concat_untyped(%s, %s) RETURNS text LANGUAGE sql IMMUTABLE AS ''SELECT redshift_internal.typed($%s)''',
            target.a, target.b, CASE target.a WHEN 'text' THEN 2 ELSE 1 END);
        EXECUTE format('CREATE OPERATOR pg_catalog.|| (LEFTARG = %s, RIGHTARG = %s, FUNCTION = redshift_internal.concat_untyped)', target.a, target.b);
    END LOOP;
END $$;

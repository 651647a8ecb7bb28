-- pg_constraint and pg_trigger for clients: the declared keys, without the local Redshift's own constraints and triggers
-- (00_renamed_catalogs.sql). Redshift lists keys there although it does not enforce them, and has no triggers
-- (c_unsupported-postgresql-features).
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html; pages named in parentheses are of the same guide.

-- A declared key has no oid, so one is computed from its table and name, in the upper half of the range, which PostgreSQL assigns last.
CREATE VIEW redshift_internal.numbered_keys AS
    SELECT *, ((hashtextextended(relid::text || ' ' || conname, 0) & 2147483647) + 2147483648)::oid AS oid FROM redshift_internal.declared_keys;

CREATE VIEW pg_catalog.pg_constraint AS
    SELECT k.oid, k.conname::name, c.relnamespace AS connamespace, k.contype, false AS condeferrable, false AS condeferred, false AS conenforced, true AS convalidated,
           k.relid AS conrelid, 0::oid AS contypid, 0::oid AS conindid, 0::oid AS conparentid, coalesce(k.confrelid, 0)::oid AS confrelid,
           CASE k.contype WHEN 'f' THEN 'a' ELSE ' ' END::"char" AS confupdtype, CASE k.contype WHEN 'f' THEN 'a' ELSE ' ' END::"char" AS confdeltype,
           CASE k.contype WHEN 'f' THEN 's' ELSE ' ' END::"char" AS confmatchtype, true AS conislocal, 0::smallint AS coninhcount, true AS connoinherit,
           false AS conperiod, k.conkey, CASE WHEN k.contype = 'f' THEN k.confkey END AS confkey, NULL::oid[] AS conpfeqop, NULL::oid[] AS conppeqop,
           NULL::oid[] AS conffeqop, NULL::smallint[] AS confdelsetcols, NULL::oid[] AS conexclop, NULL::pg_node_tree AS conbin, NULL::text AS consrc
    FROM redshift_internal.numbered_keys k JOIN pg_class c ON c.oid = k.relid;

CREATE VIEW pg_catalog.pg_trigger AS SELECT * FROM pg_catalog.stored_trigger WHERE NOT starts_with(tgname::text, 'redshift$');

CREATE FUNCTION redshift_internal.stored_constraintdef(oid, bool) RETURNS text LANGUAGE internal STABLE STRICT AS 'pg_get_constraintdef_ext';
CREATE FUNCTION redshift_internal.key_columns(relation oid, numbers smallint[]) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY n.place)
    FROM unnest(numbers) WITH ORDINALITY AS n (number, place) JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = n.number $$;
CREATE FUNCTION redshift_internal.constraintdef(oid, bool) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' ELSE 'FOREIGN KEY' END || format(' (%s)', redshift_internal.key_columns(k.relid, k.conkey))
            || CASE WHEN k.contype = 'f' THEN format(' REFERENCES %s(%s)', k.confrelid::regclass, redshift_internal.key_columns(k.confrelid, k.confkey)) ELSE '' END
        FROM redshift_internal.numbered_keys k WHERE k.oid = $1),
        redshift_internal.stored_constraintdef($1, $2)) $$;
-- Not STRICT, so that they are always inlined (see SIMILAR TO in 61_regex_operators.sql).
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_constraintdef(oid, bool) RETURNS text LANGUAGE sql STABLE CALLED ON NULL INPUT AS $$
    SELECT redshift_internal.constraintdef($1, $2) $$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_constraintdef(oid) RETURNS text LANGUAGE sql STABLE CALLED ON NULL INPUT AS $$
    SELECT redshift_internal.constraintdef($1, false) $$;

GRANT SELECT ON pg_catalog.pg_constraint, pg_catalog.pg_trigger, redshift_internal.numbered_keys TO PUBLIC;

-- A table that another table's foreign key references is dropped with CASCADE only, and the key with it (r_DROP_TABLE).
CREATE FUNCTION redshift_internal.forget_references(names text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    target oid;
    other oid;
BEGIN
    FOR target, other IN
        SELECT DISTINCT k.confrelid, k.relid FROM redshift_internal.declared_keys k JOIN unnest(names) AS n (name) ON k.confrelid = to_regclass(n.name)
        WHERE k.contype = 'f' AND k.relid <> k.confrelid
    LOOP
        PERFORM redshift_internal.set_attributes(other, jsonb_set(redshift_internal.attributes(other), '{keys}', (
            SELECT coalesce(jsonb_agg(key), '[]') FROM jsonb_array_elements(redshift_internal.attributes(other) -> 'keys') AS k (key)
            WHERE (key ->> 'references')::bigint::oid IS DISTINCT FROM target)));
    END LOOP;
END $$;
CREATE FUNCTION redshift_internal.check_references() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    SELECT d.object_name INTO name FROM pg_event_trigger_dropped_objects() d
    JOIN redshift_internal.registry g ON g.known -> 'keys' @> jsonb_build_array(jsonb_build_object('references', d.objid::bigint))
    WHERE d.classid = 'pg_class'::regclass AND d.object_type = 'table' LIMIT 1;
    IF name IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '2BP01', MESSAGE = format('cannot drop table %s because other objects depend on it', name),
            HINT = 'Use DROP ... CASCADE to drop the dependent objects too.';
    END IF;
END $$;
CREATE EVENT TRIGGER redshift_check_references ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION redshift_internal.check_references();

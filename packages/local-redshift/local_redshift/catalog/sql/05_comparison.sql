-- Trailing blanks are not significant when CHAR and VARCHAR values are compared. PostgreSQL has that rule for CHAR only, so the operators and
-- operator classes of text use the functions of CHAR: then =, <>, <, IN, DISTINCT, GROUP BY, joins and ORDER BY agree. LIKE, length() and ||
-- still count the blanks.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html, "Significance of trailing blanks".

CREATE FUNCTION redshift_internal.text_eq(text, text) RETURNS bool LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'bpchareq';
CREATE FUNCTION redshift_internal.text_ne(text, text) RETURNS bool LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'bpcharne';
CREATE FUNCTION redshift_internal.text_lt(text, text) RETURNS bool LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'bpcharlt';
CREATE FUNCTION redshift_internal.text_le(text, text) RETURNS bool LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'bpcharle';
CREATE FUNCTION redshift_internal.text_gt(text, text) RETURNS bool LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'bpchargt';
CREATE FUNCTION redshift_internal.text_ge(text, text) RETURNS bool LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'bpcharge';
CREATE FUNCTION redshift_internal.text_cmp(text, text) RETURNS int LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'bpcharcmp';
CREATE FUNCTION redshift_internal.text_sort(internal) RETURNS void LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'bpchar_sortsupport';
CREATE FUNCTION redshift_internal.text_hash(text) RETURNS int LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'hashbpchar';
CREATE FUNCTION redshift_internal.text_hash64(text, bigint) RETURNS bigint LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'hashbpcharextended';

UPDATE pg_operator o SET oprcode = n.code
FROM (VALUES ('=', 'text_eq'), ('<>', 'text_ne'), ('<', 'text_lt'), ('<=', 'text_le'), ('>', 'text_gt'), ('>=', 'text_ge')) AS f (sign, name)
CROSS JOIN LATERAL (SELECT ('redshift_internal.' || f.name)::regproc AS code) AS n
WHERE o.oprname = f.sign AND o.oprleft = 'text'::regtype AND o.oprright = 'text'::regtype AND o.oprnamespace = 'pg_catalog'::regnamespace;

-- Method and support number: btree comparison (1) and sort support (2), 32-bit hash (1) and 64-bit hash (2).
UPDATE pg_amproc p SET amproc = ('redshift_internal.' || s.name)::regproc
FROM (VALUES ('btree', 1, 'text_cmp'), ('btree', 2, 'text_sort'), ('hash', 1, 'text_hash'), ('hash', 2, 'text_hash64')) AS s (method, number, name)
WHERE p.amproclefttype = 'text'::regtype AND p.amprocrighttype = 'text'::regtype AND p.amprocnum = s.number
  AND p.amprocfamily = (SELECT f.oid FROM pg_opfamily f JOIN pg_am a ON a.oid = f.opfmethod WHERE a.amname = s.method AND f.opfname = 'text_ops');

-- The tables that each query read, from the names in the server's log (07_log_tables.sql). A name without a schema is resolved with the current
-- search path of the session that reads the view. Rows and bytes are NULL.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_STL_SCAN.html.

CREATE VIEW pg_catalog.stl_scan AS
    SELECT q.userid, q.query::int AS query, 0 AS slice, 0 AS segment, 0 AS step, q.starttime, q.endtime, 0 AS tasknum, NULL::bigint AS rows, NULL::bigint AS bytes,
           2 AS type, r.relid::int AS tbl, ''::bpchar(1) AS is_rrscan, ''::bpchar(1) AS is_delayed_scan, 0 AS checksum, r.table_name::bpchar(136) AS perm_table_name
    FROM redshift_internal.finished q CROSS JOIN LATERAL unnest(q.reads) AS read (name)
    JOIN redshift_internal.relations r ON read.name = r.schema_name || '.' || r.table_name OR (read.name = r.table_name AND pg_table_is_visible(r.relid))
    WHERE q.aborted = 0 AND q.endtime IS NOT NULL AND q.starttime > statement_timestamp()::timestamp - interval '7 days' AND r.kind = 'TABLE';

GRANT SELECT ON pg_catalog.stl_scan TO PUBLIC;

-- The tables that each query read, from the names in the server's log (07_log_tables.sql). A name without a schema is resolved with the current
-- search path of the session that reads the view. Rows and bytes are NULL.
-- Sources: https://docs.aws.amazon.com/redshift/latest/dg/r_STL_SCAN.html, https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_DETAIL.html.

CREATE VIEW redshift_internal.scans AS
    SELECT q.userid, q.query::int AS query, 0 AS slice, 0 AS segment, 0 AS step, q.starttime, q.endtime, 0 AS tasknum, NULL::bigint AS rows, NULL::bigint AS bytes,
           2 AS type, r.relid::int AS tbl, ''::bpchar(1) AS is_rrscan, ''::bpchar(1) AS is_delayed_scan, 0 AS checksum, r.table_name::bpchar(136) AS perm_table_name
    FROM redshift_internal.finished q CROSS JOIN LATERAL unnest(q.reads) AS read (name)
    JOIN redshift_internal.relations r ON read.name = r.schema_name || '.' || r.table_name OR (read.name = r.table_name AND pg_table_is_visible(r.relid))
    WHERE q.aborted = 0 AND q.endtime IS NOT NULL AND q.starttime > statement_timestamp()::timestamp - interval '7 days' AND r.kind = 'TABLE';

CREATE VIEW pg_catalog.stl_scan AS SELECT * FROM redshift_internal.scans;
-- Of the steps of a query only its scans are known (SYS_QUERY_DETAIL).
CREATE VIEW pg_catalog.sys_query_detail AS
    SELECT userid AS user_id, query::bigint AS query_id, 1 AS child_query_sequence, 0 AS stream_id, segment AS segment_id, step AS step_id, 'scan'::text AS step_name,
           tbl AS table_id, perm_table_name AS table_name, is_rrscan, starttime AS start_time, endtime AS end_time,
           (extract(epoch FROM endtime - starttime) * 1000000)::bigint AS duration, ''::text AS alert, NULL::bigint AS input_bytes, NULL::bigint AS input_rows,
           NULL::bigint AS output_bytes, NULL::bigint AS output_rows, NULL::bigint AS blocks_read, NULL::bigint AS blocks_write, NULL::bigint AS local_read_io,
           NULL::bigint AS remote_read_io, ''::text AS source, NULL::int AS data_skewness, NULL::int AS time_skewness, 'f'::bpchar(1) AS is_active
    FROM redshift_internal.scans;

GRANT SELECT ON pg_catalog.stl_scan, pg_catalog.sys_query_detail TO PUBLIC;

-- Finished and running queries, sessions and locks. Queries come from the server's log (07_log_tables.sql), so a rollback does not remove them; the
-- rest is PostgreSQL's own state.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERY.html; pages named in parentheses are of the same guide.

CREATE VIEW redshift_internal.finished AS
    SELECT *, CASE WHEN status IN ('success', 'running') THEN 0 ELSE 1 END AS aborted,
           (extract(epoch FROM coalesce(endtime, clock_timestamp()::timestamp) - starttime) * 1000000)::bigint AS elapsed
    FROM redshift_internal.queries;

CREATE VIEW pg_catalog.stl_query AS
    SELECT userid, query::int AS query, 'default'::bpchar(320) AS label, transaction_id AS xid, session AS pid, database_name::bpchar(32) AS database,
           left(querytxt, 4000)::bpchar(4000) AS querytxt, starttime, endtime, aborted, 0 AS insert_pristine, 0 AS concurrency_scaling_status
    FROM redshift_internal.finished WHERE query_type NOT IN ('DDL', 'UTILITY') AND endtime IS NOT NULL AND starttime > statement_timestamp()::timestamp - interval '7 days';
CREATE VIEW pg_catalog.svl_qlog AS
    SELECT userid, query::int AS query, transaction_id AS xid, session AS pid, starttime, endtime, elapsed, aborted, 'default'::bpchar(320) AS label,
           left(querytxt, 60)::bpchar(60) AS substring, NULL::int AS source_query, 'Concurrency scaling disabled'::text AS concurrency_scaling_status, ''::bpchar(1) AS from_sp_call
    FROM redshift_internal.finished WHERE query_type NOT IN ('DDL', 'UTILITY') AND endtime IS NOT NULL;

-- Statement texts are divided into rows of 200 characters, numbered from 0 (r_STL_QUERYTEXT, r_SVL_STATEMENTTEXT).
CREATE VIEW redshift_internal.pieces AS
    SELECT q.*, piece::int AS sequence, substr(q.querytxt, 200 * piece + 1, 200)::bpchar(200) AS text
    FROM redshift_internal.finished q CROSS JOIN LATERAL generate_series(0, greatest(0, (length(q.querytxt) - 1) / 200)) AS piece;
CREATE VIEW pg_catalog.stl_querytext AS
    SELECT userid, transaction_id AS xid, session AS pid, query::int AS query, sequence, text FROM redshift_internal.pieces WHERE query_type NOT IN ('DDL', 'UTILITY');
CREATE VIEW pg_catalog.stl_ddltext AS
    SELECT userid, transaction_id AS xid, session AS pid, 'default'::bpchar(320) AS label, starttime, endtime, sequence, text FROM redshift_internal.pieces WHERE query_type = 'DDL';
CREATE VIEW pg_catalog.stl_utilitytext AS
    SELECT userid, transaction_id AS xid, session AS pid, 'default'::bpchar(320) AS label, starttime, endtime, sequence, text FROM redshift_internal.pieces WHERE query_type = 'UTILITY';
CREATE VIEW pg_catalog.svl_statementtext AS
    SELECT userid, transaction_id AS xid, session AS pid, 'default'::bpchar(320) AS label, starttime, endtime, sequence,
           CASE query_type WHEN 'DDL' THEN 'DDL' WHEN 'UTILITY' THEN 'UTILITY' ELSE 'QUERY' END::text AS type, text
    FROM redshift_internal.pieces;

CREATE VIEW pg_catalog.sys_query_history AS
    SELECT userid AS user_id, query AS query_id, 'default'::bpchar(320) AS query_label, transaction_id, session AS session_id, database_name::bpchar(128),
           query_type::bpchar(32), status::bpchar(10), false AS result_cache_hit, starttime AS start_time, endtime AS end_time, elapsed AS elapsed_time,
           0::bigint AS queue_time, elapsed AS execution_time, coalesce(error_message, '')::bpchar(512) AS error_message, returned_rows, NULL::bigint AS returned_bytes,
           left(querytxt, 4000)::bpchar(4000) AS query_text, NULL::bpchar(256) AS redshift_version, NULL::bpchar(150) AS usage_limit, 'primary'::varchar(32) AS compute_type,
           0::bigint AS compile_time, 0::bigint AS planning_time, 0::bigint AS lock_wait_time, username
    FROM redshift_internal.finished WHERE starttime > statement_timestamp()::timestamp - interval '7 days';
CREATE VIEW pg_catalog.sys_query_text AS
    SELECT userid AS user_id, query AS query_id, transaction_id, session AS session_id, starttime AS start_time, sequence, text FROM redshift_internal.pieces;

-- PostgreSQL shows a user his own sessions here, and those of all users to members of pg_read_all_stats (87_visibility.sql). The password of a
-- CREATE USER is a verifier already (statements/passwords.py), and is not shown either.
CREATE VIEW redshift_internal.activity AS
    SELECT pid, usesysid, usename, datname, backend_start::timestamp, query_start::timestamp, xact_start::timestamp, state,
           regexp_replace(query, 'SCRAM-SHA-256[^'']*', '***', 'g') AS query, backend_xid
    FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database();

CREATE VIEW pg_catalog.stv_sessions AS
    SELECT backend_start AS starttime, pid AS process, usename::bpchar(50) AS user_name, datname::bpchar(50) AS db_name, 0 AS timeout_sec FROM redshift_internal.activity;
CREATE VIEW pg_catalog.stv_recents AS
    SELECT usesysid::int AS userid, CASE WHEN state = 'active' THEN 'Running' ELSE 'Done' END::bpchar(20) AS status, query_start AS starttime,
           (extract(epoch FROM statement_timestamp()::timestamp - query_start) * 1000000)::int AS duration, usename::bpchar(50) AS user_name, datname::bpchar(50) AS db_name,
           left(query, 600)::bpchar(600) AS query, CASE WHEN state = 'active' THEN pid ELSE -1 END AS pid
    FROM redshift_internal.activity WHERE query_start IS NOT NULL;
CREATE VIEW pg_catalog.stv_inflight AS
    SELECT usesysid::int AS userid, 0 AS slice, NULL::int AS query, 'default'::bpchar(320) AS label, backend_xid::text::bigint AS xid, pid, query_start AS starttime,
           left(query, 100)::bpchar(100) AS text, 0 AS suspended, 0 AS insert_pristine, 0 AS concurrency_scaling_status
    FROM redshift_internal.activity WHERE state = 'active';

-- The locks on tables with their transactions, those of all users included (r_SVV_TRANSACTIONS).
CREATE FUNCTION redshift_internal.transactions()
RETURNS TABLE (pid int, usename name, datname name, xact_start timestamp, backend_xid xid, relation oid, mode text, granted bool)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.pid, a.usename, a.datname, a.xact_start::timestamp, a.backend_xid, l.relation, l.mode, l.granted
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid AND a.datid = l.database JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p', 'v', 'm')
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname <> 'pg_toast'
    WHERE l.locktype = 'relation' AND a.backend_type = 'client backend' AND a.datname = current_database() AND l.relation >= 16384 $$;
-- Locks on tables, without those of readers (r_STV_LOCKS).
CREATE VIEW pg_catalog.stv_locks AS
    SELECT DISTINCT l.relation::int AS table_id, NULL::timestamp AS last_commit, NULL::timestamp AS last_update, l.backend_xid::text::bigint AS lock_owner, l.pid AS lock_owner_pid,
           l.xact_start AS lock_owner_start_ts, NULL::timestamp AS lock_owner_end_ts, CASE WHEN l.granted THEN 'Holding write lock' ELSE 'Waiting for write lock' END::bpchar(22) AS lock_status
    FROM redshift_internal.transactions() l
    WHERE l.mode NOT IN ('AccessShareLock', 'RowShareLock');
CREATE VIEW pg_catalog.svv_transactions AS
    SELECT l.usename::text AS txn_owner, l.datname::text AS txn_db, l.backend_xid::text::bigint AS xid, l.pid, l.xact_start AS txn_start, l.mode AS lock_mode,
           'relation'::text AS lockable_object_type, l.relation::int AS relation, l.granted
    FROM redshift_internal.transactions() l;

GRANT SELECT ON pg_catalog.stl_query, pg_catalog.svl_qlog, pg_catalog.stl_querytext, pg_catalog.stl_ddltext, pg_catalog.stl_utilitytext, pg_catalog.svl_statementtext,
    pg_catalog.sys_query_history, pg_catalog.sys_query_text, pg_catalog.stv_sessions, pg_catalog.stv_recents, pg_catalog.stv_inflight, pg_catalog.stv_locks,
    pg_catalog.svv_transactions TO PUBLIC;

CREATE FUNCTION redshift_internal.current_user_id() RETURNS int LANGUAGE sql STABLE AS $$ SELECT current_user::regrole::oid::int $$;

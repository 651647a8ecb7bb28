-- What COPY loaded and which rows it could not load: STL_LOAD_ERRORS, SYS_LOAD_HISTORY and related views, and the PG_LAST_COPY functions.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html.

CREATE VIEW pg_catalog.stl_load_errors AS
    SELECT userid, 0 AS slice, tbl, starttime, session, query, filename::bpchar(256), line_number, colname::bpchar(127), type::bpchar(10),
           col_length::bpchar(10), "position", left(raw_line, 1023)::bpchar(1024) AS raw_line, left(raw_field_value, 1023)::bpchar(1024) AS raw_field_value,
           err_code, err_reason::bpchar(100), 0 AS is_partial, 0 AS start_offset
    FROM redshift_internal.load_errors;

CREATE VIEW pg_catalog.stl_loaderror_detail AS
    SELECT userid, 0 AS slice, query, session, filename::bpchar(256), line_number, "position" AS field, colname::bpchar(127), raw_field_value::bpchar(1024) AS value,
           1 AS is_null, type::bpchar(10), col_length::bpchar(10)
    FROM redshift_internal.load_errors;

CREATE VIEW pg_catalog.sys_load_error_detail AS
    SELECT userid AS user_id, query AS query_id, transaction_id, session AS session_id, database_name, tbl AS table_id, starttime AS start_time,
           filename AS file_name, line_number, colname AS column_name, type AS column_type, col_length AS column_length, "position",
           err_code AS error_code, err_reason AS error_message
    FROM redshift_internal.load_errors;

CREATE VIEW pg_catalog.sys_load_history AS
    SELECT userid AS user_id, query AS query_id, transaction_id, session AS session_id, database_name, status, table_name, starttime AS start_time,
           endtime AS end_time, (extract(epoch FROM endtime - starttime) * 1000000)::bigint AS duration, data_source, file_format, loaded_rows,
           loaded_bytes, source_file_count, source_file_bytes, source_file_count AS file_count_scanned, source_file_bytes AS file_bytes_scanned, error_count
    FROM redshift_internal.loads;

CREATE VIEW pg_catalog.stl_load_commits AS
    SELECT userid, query, 0 AS slice, filename::bpchar(256) AS name, filename::bpchar(256), 0 AS byte_offset, lines_scanned, 0 AS errors, curtime,
           CASE WHEN committed THEN 1 ELSE 0 END AS status, 'S3'::bpchar(3) AS file_format, false AS is_partial, 0 AS start_offset
    FROM redshift_internal.load_files;

GRANT SELECT ON pg_catalog.stl_load_errors, pg_catalog.stl_loaderror_detail, pg_catalog.sys_load_error_detail,
    pg_catalog.sys_load_history, pg_catalog.stl_load_commits TO PUBLIC;

CREATE FUNCTION pg_catalog.pg_last_copy_count() RETURNS int LANGUAGE sql STABLE AS $$ SELECT coalesce(nullif(current_setting('redshift.last_copy_count', true), '')::int, 0) $$;
CREATE FUNCTION pg_catalog.pg_last_copy_id() RETURNS int LANGUAGE sql STABLE AS $$ SELECT coalesce(nullif(current_setting('redshift.last_copy_id', true), '')::int, -1) $$;

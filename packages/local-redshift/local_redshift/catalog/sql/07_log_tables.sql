-- The log of statements and loads, which users read through the system views only. The server writes it on a connection of its own, so that a rollback does not remove entries.

CREATE SEQUENCE redshift_internal.query_ids;
GRANT USAGE ON SEQUENCE redshift_internal.query_ids TO PUBLIC;

CREATE TABLE redshift_internal.load_errors (
    userid int, database_name text, query bigint, session int, transaction_id bigint, tbl int, starttime timestamp, filename text,
    line_number bigint, colname text, type text, col_length text, "position" int, raw_line text, raw_field_value text, err_code int, err_reason text);

CREATE TABLE redshift_internal.loads (
    query bigint, userid int, database_name text, session int, transaction_id bigint, status text, tbl int, table_name text, starttime timestamp,
    endtime timestamp, data_source text, file_format text, loaded_rows bigint, loaded_bytes bigint, source_file_count int,
    source_file_bytes bigint, error_count int, error_message text);

CREATE TABLE redshift_internal.load_files (
    query bigint, userid int, session int, filename text, lines_scanned bigint, bytes bigint, curtime timestamp, committed boolean);

CREATE TABLE redshift_internal.queries (
    query bigint, userid int, username text, database_name text, session int, transaction_id bigint, query_type text, status text,
    starttime timestamp, endtime timestamp, returned_rows bigint, error_message text, querytxt text, reads text[]);

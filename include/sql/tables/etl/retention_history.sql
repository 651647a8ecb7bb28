/*
description: One row a slice of a table that retention deleted, written with the deletion. The rows are in the archive.
owner: data-engineering
load: append
retention: 20 years on deleted_at
*/
CREATE TABLE etl.retention_history (
    table_name   VARCHAR(128)  NOT NULL,
    slice_start  TIMESTAMP     NOT NULL,
    slice_end    TIMESTAMP     NOT NULL,
    rows_deleted BIGINT        NOT NULL,
    rows_after   BIGINT        NOT NULL,
    archive      VARCHAR(1024) NOT NULL,
    dag_id       VARCHAR(256)  NOT NULL,
    run_id       VARCHAR(256)  NOT NULL,
    deleted_at   TIMESTAMP     NOT NULL,
    PRIMARY KEY (table_name, slice_start, deleted_at)
)
DISTSTYLE ALL
COMPOUND SORTKEY (deleted_at);
COMMENT ON COLUMN etl.retention_history.table_name IS 'The table, schema.table.';
COMMENT ON COLUMN etl.retention_history.slice_start IS 'First moment deleted, of the contract''s retention column; inclusive.';
COMMENT ON COLUMN etl.retention_history.slice_end IS 'End of what was deleted, exclusive.';
COMMENT ON COLUMN etl.retention_history.rows_deleted IS 'Rows deleted, all of them in the archive.';
COMMENT ON COLUMN etl.retention_history.rows_after IS 'Rows left in the table.';
COMMENT ON COLUMN etl.retention_history.archive IS 'The manifest of the archived rows (Parquet), an s3:// URL.';
COMMENT ON COLUMN etl.retention_history.dag_id IS 'The DAG that deleted.';
COMMENT ON COLUMN etl.retention_history.run_id IS 'Its run.';
COMMENT ON COLUMN etl.retention_history.deleted_at IS 'When (UTC).';

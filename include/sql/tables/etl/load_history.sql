/*
description: One row a committed load, written in the load's own transaction. Whether a window was loaded, with what and how many, is answered here.
owner: data-engineering
load: append
retention: 20 years on committed_at
*/
CREATE TABLE etl.load_history (
    load_id      VARCHAR(32)  NOT NULL,
    table_name   VARCHAR(128) NOT NULL,
    load_kind    VARCHAR(16)  NOT NULL,
    window_start TIMESTAMP,
    window_end   TIMESTAMP,
    dag_id       VARCHAR(256) NOT NULL,
    run_id       VARCHAR(256) NOT NULL,
    task_id      VARCHAR(256) NOT NULL,
    try_number   INTEGER      NOT NULL,
    manifest     VARCHAR(1024),
    extracted    BIGINT       NOT NULL,
    staged       BIGINT       NOT NULL,
    inserted     BIGINT       NOT NULL,
    updated      BIGINT       NOT NULL,
    unchanged    BIGINT       NOT NULL,
    deleted      BIGINT       NOT NULL,
    superseded   BIGINT       NOT NULL,
    rejected     BIGINT       NOT NULL,
    rows_after   BIGINT       NOT NULL,
    extracted_at TIMESTAMP    NOT NULL,
    started_at   TIMESTAMP    NOT NULL,
    committed_at TIMESTAMP    NOT NULL,
    seconds      DOUBLE PRECISION NOT NULL,
    marked_deleted BIGINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (load_id)
)
DISTSTYLE EVEN
COMPOUND SORTKEY (committed_at);
COMMENT ON COLUMN etl.load_history.load_id IS 'One id a load.';
COMMENT ON COLUMN etl.load_history.table_name IS 'The table loaded, schema.table.';
COMMENT ON COLUMN etl.load_history.load_kind IS 'How the rows were written: incremental, full_refresh, append, partition or snapshot; rewrite or undo of a backfill; hard_deletes is a comparison of keys and no load.';
COMMENT ON COLUMN etl.load_history.window_start IS 'Start of the data window (UTC), inclusive; NULL for a full refresh or comparison of keys.';
COMMENT ON COLUMN etl.load_history.window_end IS 'End of the data window (UTC), exclusive; NULL for a full refresh or comparison of keys.';
COMMENT ON COLUMN etl.load_history.dag_id IS 'The DAG that loaded it.';
COMMENT ON COLUMN etl.load_history.run_id IS 'The DAG run.';
COMMENT ON COLUMN etl.load_history.task_id IS 'The task.';
COMMENT ON COLUMN etl.load_history.try_number IS 'The try of the task, from 1.';
COMMENT ON COLUMN etl.load_history.manifest IS 'The manifest that was copied; NULL when the batch was empty.';
COMMENT ON COLUMN etl.load_history.extracted IS 'Rows that the source gave.';
COMMENT ON COLUMN etl.load_history.staged IS 'Rows in the staging table.';
COMMENT ON COLUMN etl.load_history.inserted IS 'Rows that the table has more: of new keys; append and partition: the rows written; snapshot: states begun.';
COMMENT ON COLUMN etl.load_history.updated IS 'Rows that replaced one of the same key.';
COMMENT ON COLUMN etl.load_history.unchanged IS 'Rows that the table had already.';
COMMENT ON COLUMN etl.load_history.deleted IS 'Rows removed from the table: rows before + inserted - deleted = rows_after. Tombstones stay in it.';
COMMENT ON COLUMN etl.load_history.superseded IS 'Rows older than another of the same key, in the batch or in the table.';
COMMENT ON COLUMN etl.load_history.marked_deleted IS 'Of the rows inserted and updated, those that are tombstones; of a snapshot''s copy, keys that the source no longer has.';
COMMENT ON COLUMN etl.load_history.rejected IS 'Rows that the contract refused.';
COMMENT ON COLUMN etl.load_history.rows_after IS 'Rows of the table at commit, tombstones included.';
COMMENT ON COLUMN etl.load_history.extracted_at IS 'When the source was read (UTC).';
COMMENT ON COLUMN etl.load_history.started_at IS 'When the load began (UTC).';
COMMENT ON COLUMN etl.load_history.committed_at IS 'When this row was written, just before the commit (UTC).';
COMMENT ON COLUMN etl.load_history.seconds IS 'Seconds from started_at to committed_at.';

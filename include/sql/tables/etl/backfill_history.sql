/*
description: One row a backfill by form, and a swap, undo or drop of one, with who started it, why, and how it ended.
owner: data-engineering
load: append
retention: 20 years on started_at
*/
CREATE TABLE etl.backfill_history (
    backfill_id VARCHAR(32)   NOT NULL,
    table_name  VARCHAR(128)  NOT NULL,
    action      VARCHAR(16)   NOT NULL,
    first_day   DATE          NOT NULL,
    last_day    DATE          NOT NULL,
    reason      VARCHAR(1024) NOT NULL,
    who         VARCHAR(256)  NOT NULL,
    status      VARCHAR(16)   NOT NULL,
    runs        INTEGER       NOT NULL,
    run_id      VARCHAR(256)  NOT NULL,
    started_at  TIMESTAMP     NOT NULL,
    finished_at TIMESTAMP,
    detail      VARCHAR(8192),
    of_backfill VARCHAR(32),
    PRIMARY KEY (backfill_id)
)
DISTSTYLE ALL
COMPOUND SORTKEY (started_at);
COMMENT ON COLUMN etl.backfill_history.backfill_id IS 'The backfill, by which its rewrite is swapped in or undone.';
COMMENT ON COLUMN etl.backfill_history.table_name IS 'The table, schema.table.';
COMMENT ON COLUMN etl.backfill_history.action IS 'backfill: into the table; stage: into a shadow of it, to be compared; swap, undo, drop: what was done with a staged one.';
COMMENT ON COLUMN etl.backfill_history.first_day IS 'First day (UTC), included.';
COMMENT ON COLUMN etl.backfill_history.last_day IS 'Last day (UTC), included.';
COMMENT ON COLUMN etl.backfill_history.reason IS 'Why, as entered in the form.';
COMMENT ON COLUMN etl.backfill_history.who IS 'The user who triggered it.';
COMMENT ON COLUMN etl.backfill_history.status IS 'running, done, failed or died; a staged one: compared, swapped, undone or dropped.';
COMMENT ON COLUMN etl.backfill_history.runs IS 'Runs of the table''s DAG that it starts.';
COMMENT ON COLUMN etl.backfill_history.run_id IS 'Its run of backfill_table.';
COMMENT ON COLUMN etl.backfill_history.started_at IS 'When it began (UTC).';
COMMENT ON COLUMN etl.backfill_history.finished_at IS 'When its status last changed (UTC); NULL while it runs.';
COMMENT ON COLUMN etl.backfill_history.detail IS 'The comparison of the shadow with the table, or the rows written, as JSON; or the error.';
COMMENT ON COLUMN etl.backfill_history.of_backfill IS 'For a swap, an undo or a drop: the staged backfill that it was done with.';

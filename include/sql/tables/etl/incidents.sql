/*
description: One row an incident, which is one cause, however many tasks it stopped. Open while resolved_at is NULL.
owner: data-engineering
load: append
retention: 5 years on opened_at
*/
CREATE TABLE etl.incidents (
    incident_id  VARCHAR(128)  NOT NULL,
    cause        VARCHAR(32)   NOT NULL,
    kind         VARCHAR(16)   NOT NULL,
    table_name   VARCHAR(128),
    dag_id       VARCHAR(256)  NOT NULL,
    run_id       VARCHAR(256)  NOT NULL,
    task_id      VARCHAR(256)  NOT NULL,
    error_class  VARCHAR(128)  NOT NULL,
    who_acts     VARCHAR(256)  NOT NULL,
    summary      VARCHAR(2048) NOT NULL,
    report       VARCHAR(1024) NOT NULL,
    opened_at    TIMESTAMP     NOT NULL,
    last_seen_at TIMESTAMP     NOT NULL,
    occurrences  INTEGER       NOT NULL,
    resolved_at  TIMESTAMP,
    resolution   VARCHAR(1024),
    source       VARCHAR(1024),
    tables       VARCHAR(4096),
    PRIMARY KEY (incident_id)
)
DISTSTYLE ALL
COMPOUND SORTKEY (opened_at);
COMMENT ON COLUMN etl.incidents.incident_id IS 'When it opened, what it is about, and its cause.';
COMMENT ON COLUMN etl.incidents.cause IS 'Hash of the error''s class, of what it concerns and of its message without values.';
COMMENT ON COLUMN etl.incidents.kind IS 'failure of a task, or late: a table past its fresh_within.';
COMMENT ON COLUMN etl.incidents.table_name IS 'The table that was late first because of it, schema.table; NULL when there is none.';
COMMENT ON COLUMN etl.incidents.dag_id IS 'The DAG that met it first.';
COMMENT ON COLUMN etl.incidents.run_id IS 'Its run.';
COMMENT ON COLUMN etl.incidents.task_id IS 'Its task.';
COMMENT ON COLUMN etl.incidents.error_class IS 'ConfigError, SourceError, TransientError, Late, or another exception''s name.';
COMMENT ON COLUMN etl.incidents.who_acts IS 'Who can repair it.';
COMMENT ON COLUMN etl.incidents.summary IS 'The beginning of the error''s message.';
COMMENT ON COLUMN etl.incidents.report IS 'The report''s s3:// URL.';
COMMENT ON COLUMN etl.incidents.opened_at IS 'First failure (UTC).';
COMMENT ON COLUMN etl.incidents.last_seen_at IS 'Last failure of the same cause (UTC).';
COMMENT ON COLUMN etl.incidents.occurrences IS 'Failures of the same cause so far.';
COMMENT ON COLUMN etl.incidents.resolved_at IS 'When it was over (UTC); NULL while it is open.';
COMMENT ON COLUMN etl.incidents.resolution IS 'How: a later load, the table fresh again, or the word of a person.';
COMMENT ON COLUMN etl.incidents.source IS 'What failed on the source''s side: connection, relation, file or address; NULL when nothing did.';
COMMENT ON COLUMN etl.incidents.tables IS 'All tables that are late because of it, with a comma between them.';

/*
description: One row a check and audit. Those of a load that was committed are written in its transaction, those of a refused one beside it.
owner: data-engineering
load: append
retention: 2 years on checked_at
*/
CREATE TABLE etl.check_results (
    audit_id     VARCHAR(32)  NOT NULL,
    table_name   VARCHAR(128) NOT NULL,
    check_name   VARCHAR(128) NOT NULL,
    description  VARCHAR(1024) NOT NULL,
    severity     VARCHAR(8)   NOT NULL,
    checked_on   VARCHAR(8)   NOT NULL,
    outcome      VARCHAR(8)   NOT NULL,
    failing_rows BIGINT       NOT NULL,
    dag_id       VARCHAR(256) NOT NULL,
    run_id       VARCHAR(256) NOT NULL,
    task_id      VARCHAR(256) NOT NULL,
    try_number   INTEGER      NOT NULL,
    checked_at   TIMESTAMP    NOT NULL,
    PRIMARY KEY (audit_id, check_name)
)
DISTSTYLE EVEN
COMPOUND SORTKEY (checked_at);
COMMENT ON COLUMN etl.check_results.audit_id IS 'One id an audit; its checks share it.';
COMMENT ON COLUMN etl.check_results.table_name IS 'The table that the batch was for, schema.table.';
COMMENT ON COLUMN etl.check_results.check_name IS 'The check: its name from the contract, or its file''s.';
COMMENT ON COLUMN etl.check_results.description IS 'What it checks.';
COMMENT ON COLUMN etl.check_results.severity IS 'fail refuses the batch, warn only records.';
COMMENT ON COLUMN etl.check_results.checked_on IS 'stage: before anything was written; result: the table, inside the transaction.';
COMMENT ON COLUMN etl.check_results.outcome IS 'passed, warned or failed.';
COMMENT ON COLUMN etl.check_results.failing_rows IS 'Rows that should not have been there.';
COMMENT ON COLUMN etl.check_results.dag_id IS 'The DAG that loaded.';
COMMENT ON COLUMN etl.check_results.run_id IS 'The DAG run.';
COMMENT ON COLUMN etl.check_results.task_id IS 'The task.';
COMMENT ON COLUMN etl.check_results.try_number IS 'The try of the task, from 1.';
COMMENT ON COLUMN etl.check_results.checked_at IS 'When the audit ended (UTC).';

/*
description: Rows that failed a check, at most 100 a check and audit. They outlive the rollback of the load that they stopped.
owner: data-engineering
load: append
retention: 90 days on failed_at
*/
CREATE TABLE etl.check_failures (
    audit_id   VARCHAR(32)   NOT NULL,
    table_name VARCHAR(128)  NOT NULL,
    check_name VARCHAR(128)  NOT NULL,
    severity   VARCHAR(8)    NOT NULL,
    row_number INTEGER       NOT NULL,
    row_key    VARCHAR(1024) NOT NULL,
    reason     VARCHAR(1024) NOT NULL,
    failed_at  TIMESTAMP     NOT NULL,
    PRIMARY KEY (audit_id, check_name, row_number)
)
DISTSTYLE EVEN
COMPOUND SORTKEY (failed_at);
COMMENT ON COLUMN etl.check_failures.audit_id IS 'The audit, as in etl.check_results.';
COMMENT ON COLUMN etl.check_failures.table_name IS 'The table that the batch was for, schema.table.';
COMMENT ON COLUMN etl.check_failures.check_name IS 'The check that the row failed.';
COMMENT ON COLUMN etl.check_failures.severity IS 'fail: the batch was refused; warn: it was loaded all the same.';
COMMENT ON COLUMN etl.check_failures.row_number IS 'From 1, within the check.';
COMMENT ON COLUMN etl.check_failures.row_key IS 'What identifies the row: its key as column=value.';
COMMENT ON COLUMN etl.check_failures.reason IS 'Why it failed.';
COMMENT ON COLUMN etl.check_failures.failed_at IS 'When the audit ended (UTC).';

/*
description: One row a day of a mart built, in the build's own transaction.
owner: data-engineering
load: append
retention: 20 years on built_at
*/
CREATE TABLE etl.mart_builds (
    build_id     VARCHAR(32)  NOT NULL,
    mart_name    VARCHAR(128) NOT NULL,
    day          DATE         NOT NULL,
    dag_id       VARCHAR(256) NOT NULL,
    run_id       VARCHAR(256) NOT NULL,
    rows_written BIGINT       NOT NULL,
    inputs       VARCHAR(1024) NOT NULL,
    built_at     TIMESTAMP    NOT NULL,
    seconds      DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (build_id, mart_name, day)
)
DISTSTYLE EVEN
COMPOUND SORTKEY (built_at);
COMMENT ON COLUMN etl.mart_builds.build_id IS 'One id a build; the days built together share it.';
COMMENT ON COLUMN etl.mart_builds.mart_name IS 'The mart, schema.table.';
COMMENT ON COLUMN etl.mart_builds.day IS 'The day built.';
COMMENT ON COLUMN etl.mart_builds.dag_id IS 'The DAG that built it.';
COMMENT ON COLUMN etl.mart_builds.run_id IS 'The DAG run.';
COMMENT ON COLUMN etl.mart_builds.rows_written IS 'Rows of the mart for that day.';
COMMENT ON COLUMN etl.mart_builds.inputs IS 'JSON: loads that had touched the day, by input.';
COMMENT ON COLUMN etl.mart_builds.built_at IS 'When this row was written, just before the commit (UTC).';
COMMENT ON COLUMN etl.mart_builds.seconds IS 'Seconds that the whole build took, shared by its days.';

/*
description: What each day of a mart was last built from, and how often each input's day had been touched by then. A smaller number than now means stale.
owner: data-engineering
load: partition
retention: never
*/
CREATE TABLE etl.mart_inputs (
    mart_name  VARCHAR(128) NOT NULL,
    day        DATE         NOT NULL,
    input_name VARCHAR(128) NOT NULL,
    touches    BIGINT       NOT NULL,
    PRIMARY KEY (mart_name, day, input_name)
)
DISTSTYLE EVEN
COMPOUND SORTKEY (mart_name, day);
COMMENT ON COLUMN etl.mart_inputs.mart_name IS 'The mart, schema.table.';
COMMENT ON COLUMN etl.mart_inputs.day IS 'The day built.';
COMMENT ON COLUMN etl.mart_inputs.input_name IS 'The input, schema.table.';
COMMENT ON COLUMN etl.mart_inputs.touches IS 'Loads that had touched that day of the input when the mart read it.';

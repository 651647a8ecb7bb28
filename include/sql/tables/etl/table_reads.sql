/*
description: When each table was last read by somebody other than the loads. Redshift has that for some days only, so it is recorded each day.
owner: data-engineering
load: partition
retention: never
*/
CREATE TABLE etl.table_reads (
    table_name   VARCHAR(256) NOT NULL,
    watched_from TIMESTAMP    NOT NULL,
    last_read_at TIMESTAMP,
    PRIMARY KEY (table_name)
)
DISTSTYLE ALL
SORTKEY (table_name);
COMMENT ON COLUMN etl.table_reads.table_name IS 'The table, schema.table.';
COMMENT ON COLUMN etl.table_reads.watched_from IS 'When it was first seen (UTC).';
COMMENT ON COLUMN etl.table_reads.last_read_at IS 'Last read by another user than that of the loads (UTC); NULL if none was seen.';

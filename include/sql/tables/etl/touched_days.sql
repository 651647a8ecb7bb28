/*
description: Which days of a table each load touched; rows are only ever added, so their number for a day is the day's version.
owner: data-engineering
load: append
retention: never
references:
  load_id: etl.load_history (load_id)
*/
CREATE TABLE etl.touched_days (
    table_name VARCHAR(128) NOT NULL,
    day        DATE         NOT NULL,
    load_id    VARCHAR(32)  NOT NULL,
    PRIMARY KEY (table_name, day, load_id)
)
DISTSTYLE EVEN
COMPOUND SORTKEY (table_name, day);
COMMENT ON COLUMN etl.touched_days.table_name IS 'The table, schema.table.';
COMMENT ON COLUMN etl.touched_days.day IS 'A day of the table, by the day column of its contract.';
COMMENT ON COLUMN etl.touched_days.load_id IS 'The load that touched it.';

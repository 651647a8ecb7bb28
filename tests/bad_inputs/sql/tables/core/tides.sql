/*
description: The level of the sea, by hour.
owner: us
load: incremental
version: tide_at
retention: never
*/
CREATE TABLE core.tides (
    tide_at TIMESTAMP NOT NULL, level DOUBLE PRECISION, port VARCHAR(10) NOT NULL, PRIMARY KEY (port, tide_at)
);

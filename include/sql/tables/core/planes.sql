/*
description: Aircraft in the FAA registry, one row a tail number.
owner: reference-data
load: full_refresh
fresh_within: 8 days
retention: never
*/
CREATE TABLE core.planes (
    tail_number  VARCHAR(6)  NOT NULL,
    built_year   SMALLINT,
    kind         VARCHAR(32) NOT NULL,
    manufacturer VARCHAR(64) NOT NULL,
    model        VARCHAR(32) NOT NULL,
    engines      SMALLINT    NOT NULL,
    seats        SMALLINT    NOT NULL,
    speed_mph    SMALLINT,
    engine       VARCHAR(32) NOT NULL,
    PRIMARY KEY (tail_number)
)
DISTSTYLE ALL
SORTKEY (tail_number);
COMMENT ON COLUMN core.planes.tail_number IS 'Registration, as painted on the tail.';
COMMENT ON COLUMN core.planes.built_year IS 'Year of manufacture; NULL where unknown.';
COMMENT ON COLUMN core.planes.kind IS 'Kind of aircraft, e.g. Fixed wing multi engine.';
COMMENT ON COLUMN core.planes.manufacturer IS 'Who built it.';
COMMENT ON COLUMN core.planes.model IS 'The manufacturer''s model name.';
COMMENT ON COLUMN core.planes.engines IS 'Number of engines.';
COMMENT ON COLUMN core.planes.seats IS 'Number of seats.';
COMMENT ON COLUMN core.planes.speed_mph IS 'Average cruising speed in miles an hour; NULL for nearly all.';
COMMENT ON COLUMN core.planes.engine IS 'Kind of engine, e.g. Turbo-fan.';

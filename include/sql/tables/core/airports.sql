/*
description: Airports of the United States, one row an FAA code.
owner: reference-data
load: full_refresh
fresh_within: 8 days
retention: never
*/
CREATE TABLE core.airports (
    airport      VARCHAR(3)       NOT NULL,
    name         VARCHAR(128)     NOT NULL,
    latitude     DOUBLE PRECISION NOT NULL,
    longitude    DOUBLE PRECISION NOT NULL,
    altitude_ft  INTEGER          NOT NULL,
    utc_offset_h DECIMAL(4, 2)    NOT NULL,
    dst_rule     CHAR(1)          NOT NULL,
    time_zone    VARCHAR(64),
    PRIMARY KEY (airport)
)
DISTSTYLE ALL
SORTKEY (airport);
COMMENT ON COLUMN core.airports.airport IS 'Three-letter FAA code.';
COMMENT ON COLUMN core.airports.name IS 'The airport''s usual name.';
COMMENT ON COLUMN core.airports.latitude IS 'Degrees north.';
COMMENT ON COLUMN core.airports.longitude IS 'Degrees east; negative in the Americas.';
COMMENT ON COLUMN core.airports.altitude_ft IS 'Height above sea level, in feet.';
COMMENT ON COLUMN core.airports.utc_offset_h IS 'Hours from UTC in standard time.';
COMMENT ON COLUMN core.airports.dst_rule IS 'Daylight saving: A as in the United States, U unknown, N none.';
COMMENT ON COLUMN core.airports.time_zone IS 'IANA time zone; NULL where the source has none.';

/*
description: The airlines that fly out of New York, one row a two-letter carrier code.
owner: reference-data
load: full_refresh
fresh_within: 8 days
retention: never
*/
CREATE TABLE core.airlines (
    carrier VARCHAR(2)  NOT NULL,
    name    VARCHAR(64) NOT NULL,
    PRIMARY KEY (carrier)
)
DISTSTYLE ALL
SORTKEY (carrier);
COMMENT ON COLUMN core.airlines.carrier IS 'Two-letter IATA carrier code.';
COMMENT ON COLUMN core.airlines.name IS 'The airline''s full name.';

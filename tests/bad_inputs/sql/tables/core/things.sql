/*
description: Things that change.
owner: us
load: incremental
version: modified_at
deleted: deleted_at
day: made_on
retention: never
*/
CREATE TABLE core.things (
    id          INTEGER      NOT NULL,
    name        VARCHAR(10),
    made_on     DATE,
    modified_at TIMESTAMP    NOT NULL,
    deleted_at  TIMESTAMP,
    PRIMARY KEY (id)
)
DISTKEY (id) SORTKEY (made_on);

/*
description: A value of each type.
owner: us
load: full_refresh
retention: never
accepted: {state: [open, closed]}
*/
CREATE TABLE core.cells (
    id    INTEGER       NOT NULL,
    small SMALLINT,
    price DECIMAL(5, 2),
    ratio REAL,
    sold  BOOLEAN,
    code  CHAR(3),
    name  VARCHAR(10)   NOT NULL,
    day   DATE,
    at    TIMESTAMP,
    zoned TIMESTAMPTZ,
    clock TIME,
    bytes VARBYTE(2),
    doc   SUPER,
    state VARCHAR(10),
    drop_id INTEGER REFERENCES core.drops (id),
    PRIMARY KEY (id)
);

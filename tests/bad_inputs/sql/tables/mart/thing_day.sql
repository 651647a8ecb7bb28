/*
description: Things by day.
owner: us
load: partition
day: day
retention: never
*/
CREATE TABLE mart.thing_day (
    day    DATE   NOT NULL,
    things BIGINT NOT NULL,
    PRIMARY KEY (day)
);

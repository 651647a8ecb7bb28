/*
description: Orders by their day.
owner: us
load: partition
day: ordered_on
retention: never
*/
CREATE TABLE core.orders (id VARCHAR(10) NOT NULL, ordered_on DATE, PRIMARY KEY (id));

/*
description: What others drop as files.
owner: us
load: full_refresh
retention: never
*/
CREATE TABLE core.drops (id INTEGER NOT NULL, name VARCHAR(10), n INTEGER, PRIMARY KEY (id));

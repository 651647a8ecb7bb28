/*
columns: {id: INTEGER, name: VARCHAR, made_on: DATE, modified_at: TIMESTAMP, deleted_at: TIMESTAMP}
*/
SELECT id, name, made_on, modified_at, deleted_at FROM raw

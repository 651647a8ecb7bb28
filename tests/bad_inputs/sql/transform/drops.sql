/*
columns: [id, name, n]
*/
SELECT id, name, n FROM raw

/*
columns: [id, ordered_on]
*/
SELECT id, ordered_on FROM raw

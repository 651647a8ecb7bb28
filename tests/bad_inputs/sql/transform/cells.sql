/*
columns: [id, small, price, ratio, sold, code, name, day, at, zoned, clock, bytes, doc, state, drop_id]
*/
SELECT id, small, price, ratio, sold, code, name, day, "at", zoned, clock, bytes, doc, state, drop_id FROM raw

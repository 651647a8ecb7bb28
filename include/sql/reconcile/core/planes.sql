/*
dag: reference_tables
landing: planes.csv
*/
-- A whole file: newer than what was loaded, or not.

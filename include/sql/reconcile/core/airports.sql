/*
dag: reference_tables
landing: airports.csv
*/
-- A whole file: newer than what was loaded, or not.

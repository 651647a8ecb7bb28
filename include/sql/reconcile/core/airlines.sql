/*
dag: reference_tables
landing: airlines.csv
*/
-- A whole file: newer than what was loaded, or not.

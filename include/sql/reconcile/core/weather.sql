/*
dag: weather
*/
-- The service cannot count; which windows were loaded is all that can be compared.

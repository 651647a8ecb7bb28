/*
connection: airline_db
*/
SELECT flight_id
FROM flights

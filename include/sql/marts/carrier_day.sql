/*
inputs: [core.flights]
*/
SELECT
    flight_date,
    carrier,
    COUNT(*) AS flights,
    SUM(CASE WHEN deleted_at IS NOT NULL THEN 1 ELSE 0 END) AS cancelled,
    SUM(CASE WHEN deleted_at IS NULL AND departed_at IS NOT NULL AND air_time_min IS NULL THEN 1 ELSE 0 END) AS diverted,
    SUM(CASE WHEN departure_delay_min >= 15 THEN 1 ELSE 0 END) AS departed_late,
    SUM(CASE WHEN arrival_delay_min >= 15 THEN 1 ELSE 0 END) AS arrived_late,
    CAST(AVG(CAST(departure_delay_min AS DECIMAL(18, 4))) AS DECIMAL(9, 2)) AS mean_departure_delay_min,
    CAST(AVG(CAST(arrival_delay_min AS DECIMAL(18, 4))) AS DECIMAL(9, 2)) AS mean_arrival_delay_min,
    SUM(CASE WHEN air_time_min IS NOT NULL THEN distance_miles ELSE 0 END) AS distance_flown_miles
FROM core.flights
WHERE flight_date IN (:days)
GROUP BY flight_date, carrier

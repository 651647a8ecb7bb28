/*
inputs: [core.flights]
*/
SELECT
    flight_date,
    origin,
    destination,
    COUNT(*) AS flights,
    SUM(CASE WHEN deleted_at IS NOT NULL THEN 1 ELSE 0 END) AS cancelled,
    SUM(CASE WHEN arrival_delay_min >= 15 THEN 1 ELSE 0 END) AS arrived_late,
    CAST(AVG(CAST(departure_delay_min AS DECIMAL(18, 4))) AS DECIMAL(9, 2)) AS mean_departure_delay_min,
    CAST(AVG(CAST(arrival_delay_min AS DECIMAL(18, 4))) AS DECIMAL(9, 2)) AS mean_arrival_delay_min,
    CAST(AVG(CAST(air_time_min AS DECIMAL(18, 4))) AS DECIMAL(9, 2)) AS mean_air_time_min
FROM core.flights
WHERE flight_date IN (:days)
GROUP BY flight_date, origin, destination

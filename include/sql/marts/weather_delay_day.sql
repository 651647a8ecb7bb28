/*
inputs: [core.flights, core.weather]
*/
SELECT
    flight_date,
    origin,
    weather,
    COUNT(*) AS flights,
    SUM(CASE WHEN deleted_at IS NOT NULL THEN 1 ELSE 0 END) AS cancelled,
    SUM(CASE WHEN departure_delay_min >= 15 THEN 1 ELSE 0 END) AS departed_late,
    CAST(AVG(CAST(departure_delay_min AS DECIMAL(18, 4))) AS DECIMAL(9, 2)) AS mean_departure_delay_min
FROM (
    SELECT
        f.flight_date,
        f.origin,
        f.deleted_at,
        f.departure_delay_min,
        CASE
            WHEN w.airport IS NULL THEN 'unknown'
            WHEN w.visibility_miles < 3 THEN 'low visibility'
            WHEN w.precipitation_in > 0 THEN 'rain'
            WHEN w.wind_speed_mph >= 25 THEN 'windy'
            ELSE 'fair'
        END AS weather
    FROM core.flights AS f
    LEFT JOIN core.weather AS w ON f.origin = w.airport AND f.scheduled_hour = w.observed_at
    WHERE f.flight_date IN (:days)
) AS departures
GROUP BY flight_date, origin, weather

/*
description: The delay at departure is the time between the scheduled and the actual departure.
severity: fail
*/
SELECT
    flight_id,
    'departed at ' || CAST(departed_at AS VARCHAR(32)) || ', scheduled ' || CAST(scheduled_departure AS VARCHAR(32))
    || ', delay ' || CAST(departure_delay_min AS VARCHAR(12)) AS reason
FROM :rows
WHERE DATEDIFF(minute, scheduled_departure, departed_at) <> departure_delay_min

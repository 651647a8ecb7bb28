-- The rows of the booking system that changed in the window; a cancelled flight is one of them, with deleted_at set.
SELECT
    flight_id,
    year,
    month,
    day,
    dep_delay,
    arr_delay,
    carrier,
    flight,
    tailnum,
    origin,
    dest,
    air_time,
    distance,
    minute,
    time_hour,
    created_at,
    modified_at,
    deleted_at
FROM flights
WHERE
    modified_at >= %(start)s
    AND modified_at < %(end)s

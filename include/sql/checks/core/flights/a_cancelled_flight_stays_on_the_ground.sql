/*
description: A cancelled flight has neither left nor been in the air.
severity: warn
*/
SELECT
    flight_id,
    'cancelled at ' || CAST(deleted_at AS VARCHAR(32)) AS reason
FROM :rows
WHERE deleted_at IS NOT NULL AND (departed_at IS NOT NULL OR air_time_min IS NOT NULL)

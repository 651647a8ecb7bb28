/*
description: Relative humidity lies between 0 and 100 per cent.
severity: fail
*/
SELECT
    airport,
    observed_at,
    'humidity is ' || CAST(humidity_pct AS VARCHAR(12)) AS reason
FROM :rows
WHERE humidity_pct < 0 OR humidity_pct > 100

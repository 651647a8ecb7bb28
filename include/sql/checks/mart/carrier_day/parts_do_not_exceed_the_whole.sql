/*
description: Cancelled and diverted flights are among the scheduled ones, and so are those that left or arrived late.
severity: fail
*/
SELECT
    flight_date,
    carrier,
    'of ' || CAST(flights AS VARCHAR(12)) || ' flights ' || CAST(cancelled AS VARCHAR(12)) || ' were cancelled and '
    || CAST(diverted AS VARCHAR(12)) || ' diverted' AS reason
FROM :rows
WHERE cancelled + diverted > flights OR cancelled + departed_late > flights OR cancelled + arrived_late > flights

/*
inputs: [core.things]
*/
SELECT made_on AS day, COUNT(*) AS things
FROM core.things
WHERE made_on IN (:days)
GROUP BY made_on

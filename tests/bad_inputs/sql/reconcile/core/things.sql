/*
dag: things
connection: airline_db
*/
SELECT CAST(modified_at AS DATE) AS day, COUNT(*) AS n
FROM public.things
WHERE modified_at >= %(start)s AND modified_at < %(end)s
GROUP BY 1

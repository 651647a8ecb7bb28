/*
connection: airline_db
*/
SELECT id FROM public.things

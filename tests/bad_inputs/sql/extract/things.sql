SELECT
    id,
    name,
    made_on,
    modified_at,
    deleted_at
FROM public.things
WHERE modified_at >= %(start)s AND modified_at < %(end)s

-- The checks of MERGE that need the catalog: its source is a table, and REMOVE DUPLICATES needs the same columns on both sides.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html.

CREATE FUNCTION redshift_internal.check_merge(target regclass, source regclass, same_columns boolean) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = source) <> 'r' THEN
        RAISE EXCEPTION USING ERRCODE = '42809', MESSAGE = format('the source of MERGE must be a table; %s is not one', source);
    END IF;
    IF same_columns AND (SELECT array_agg(atttypid ORDER BY attnum) FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped)
        IS DISTINCT FROM (SELECT array_agg(atttypid ORDER BY attnum) FROM pg_attribute WHERE attrelid = source AND attnum > 0 AND NOT attisdropped) THEN
        RAISE EXCEPTION USING ERRCODE = '42804', MESSAGE = 'MERGE … REMOVE DUPLICATES needs the same number and types of columns in target and source';
    END IF;
END $$;

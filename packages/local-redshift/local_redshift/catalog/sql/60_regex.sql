-- Regular expression functions. query/function_calls.py calls these, because PostgreSQL's functions of the same names have other arguments,
-- defaults and results (its REGEXP_REPLACE replaces only the first match).
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_REPLACE.html; pages named in parentheses are of the same guide.

-- PostgreSQL's flags for Redshift's c, i, e and p. A PCRE pattern is accepted when PostgreSQL reads it alike, and refused otherwise.
CREATE FUNCTION redshift_internal.regex_flags(parameters text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF translate(parameters, 'ciep', '') <> '' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid regular expression parameters "%s": use c, i, e, p', parameters);
    END IF;
    RETURN CASE WHEN strpos(parameters, 'i') > 0 THEN 'i' ELSE 'c' END;
END $$;
CREATE FUNCTION redshift_internal.regex_pattern(pattern text, parameters text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    slash text := chr(92);
    refused text;
    plain text;
BEGIN
    -- Redshift's POSIX dialect has only \d, \s, \w and their complements (pattern-matching-conditions-posix). PostgreSQL's other escapes, groups,
    -- non-greedy quantifiers and directors are searched for after escaped characters and bracket expressions are removed.
    IF strpos(parameters, 'p') = 0 THEN
        plain := pg_catalog.regexp_replace(pattern, slash || slash || '[^[:alnum:]]', '.', 'g');
        plain := pg_catalog.regexp_replace(plain, '[[]:[a-z]+:[]]', '.', 'g');
        plain := pg_catalog.regexp_replace(plain, '[[]' || slash || '^?[]]?[^]]*[]]', '.', 'g');
        refused := coalesce(substring(pattern FROM '[[]:[<>]:[]]'),
            substring(plain FROM '^[*][*][*].|[(][?].?|[*+?}][?]|[' || slash || slash || '][^dDsSwWntr]'));
        IF refused IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('The local Redshift does not model %s in a POSIX pattern: use the parameter p.', refused);
        END IF;
        RETURN pattern;
    END IF;
    FOREACH refused IN ARRAY ARRAY['(?P', '(?>', '(?|', '(?(', '*+', '++', '?+', slash || 'K', slash || 'G', slash || 'R', slash || 'Q', slash || 'h'] LOOP
        IF strpos(pattern, refused) > 0 THEN
            RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('The local Redshift does not model %s in a PCRE pattern.', refused);
        END IF;
    END LOOP;
    IF pattern LIKE '%*?%' OR pattern LIKE '%+?%' OR pattern LIKE '%??%' THEN
        IF translate(replace(replace(replace(pattern, '*?', ''), '+?', ''), '??', ''), '*+{', '') <> replace(replace(replace(pattern, '*?', ''), '+?', ''), '??', '') THEN
            RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'The local Redshift does not model greedy and non-greedy quantifiers in one PCRE pattern.';
        END IF;
    END IF;
    RETURN replace(replace(pattern, slash || 'b', slash || 'y'), slash || 'B', slash || 'Y');
END $$;

CREATE FUNCTION redshift_internal.regexp_count(source text, pattern text, place int DEFAULT 1, parameters text DEFAULT 'c') RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN place > length(source) THEN 0 ELSE pg_catalog.regexp_count(source, redshift_internal.regex_pattern(pattern, parameters),
        greatest(place, 1), redshift_internal.regex_flags(parameters)) END $$;

CREATE FUNCTION redshift_internal.regexp_instr(source text, pattern text, place int DEFAULT 1, occurrence int DEFAULT 1, ending int DEFAULT 0,
    parameters text DEFAULT 'c') RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN place > length(source) OR occurrence < 1 OR occurrence > length(source) THEN 0
        ELSE pg_catalog.regexp_instr(source, redshift_internal.regex_pattern(pattern, parameters), greatest(place, 1), occurrence, ending,
            redshift_internal.regex_flags(parameters), CASE WHEN strpos(parameters, 'e') > 0 AND strpos(pattern, '(') > 0 THEN 1 ELSE 0 END) END $$;

-- No match is an empty string; an occurrence beyond the string's length is NULL (REGEXP_SUBSTR).
CREATE FUNCTION redshift_internal.regexp_substr(source text, pattern text, place int DEFAULT 1, occurrence int DEFAULT 1, parameters text DEFAULT 'c')
RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN source IS NULL OR pattern IS NULL OR occurrence < 1 OR occurrence > length(source) THEN NULL WHEN place > length(source) THEN ''
        ELSE coalesce(pg_catalog.regexp_substr(source, redshift_internal.regex_pattern(pattern, parameters), greatest(place, 1), occurrence,
            redshift_internal.regex_flags(parameters), CASE WHEN strpos(parameters, 'e') > 0 AND strpos(pattern, '(') > 0 THEN 1 ELSE 0 END), '') END $$;

CREATE FUNCTION redshift_internal.regexp_replace(source text, pattern text, replacement text DEFAULT '', place int DEFAULT 1, parameters text DEFAULT 'c')
RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF strpos(replacement, chr(92)) > 0 OR replacement ~ '[$][0-9]' THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'The local Redshift does not model references to groups in the replacement of REGEXP_REPLACE.';
    END IF;
    IF place > length(source) THEN RETURN source; END IF;
    RETURN pg_catalog.regexp_replace(source, redshift_internal.regex_pattern(pattern, parameters), replacement, greatest(place, 1), 0,
        redshift_internal.regex_flags(parameters));
END $$;

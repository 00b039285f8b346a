-- One counter: an integer that is never null, never negative, and starts at 0.

CREATE FUNCTION @extschema@.feature_usage_setup_counter(p_column text, p_description text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    counters constant regclass := '@extschema@.feature_usage';
    is_checked text;
    existing record;
    offending text;
BEGIN
    -- Exact or refused: a count that does not fit stops the setup.
    IF (SELECT atttypid IN ('int2'::regtype, 'int8'::regtype) FROM pg_attribute
         WHERE attrelid = counters AND attname = p_column AND NOT attisdropped) THEN
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE integer', counters, p_column);
    END IF;

    PERFORM @extschema@.feature_usage_setup_column(
        counters, p_column, 'integer NOT NULL DEFAULT 0', 'integer', p_description);

    SELECT a.attnotnull AS is_set, coalesce(pg_get_expr(d.adbin, d.adrelid) = '0', false) AS starts_at_0
      INTO existing
      FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = counters AND a.attname = p_column AND NOT a.attisdropped;
    IF NOT existing.starts_at_0 THEN
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT 0', counters, p_column);
    END IF;
    IF NOT existing.is_set THEN
        EXECUTE format('UPDATE %s SET %2$I = 0 WHERE %2$I IS NULL', counters, p_column);
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', counters, p_column);
    END IF;

    is_checked := format('CHECK ((%I >= 0))', p_column);
    IF NOT EXISTS (SELECT FROM pg_constraint
                    WHERE conrelid = counters AND contype = 'c' AND pg_get_constraintdef(oid) = is_checked) THEN
        EXECUTE format(
            $$SELECT string_agg(format('user_id=%%s, period=%%s: %%s', user_id, period, %2$I), E'\n')
                FROM (SELECT user_id, period, %2$I FROM %1$s WHERE %2$I < 0
                       ORDER BY user_id, period LIMIT 10) AS negative$$,
            counters, p_column) INTO offending;
        IF offending IS NOT NULL THEN
            RAISE EXCEPTION 'column % of % has negative counts', quote_ident(p_column), counters
                USING ERRCODE = 'check_violation', DETAIL = offending,
                      HINT = 'A negative count gives more than the limit. Correct these rows, then try again.';
        END IF;
        EXECUTE format('ALTER TABLE %s ADD %s', counters, is_checked);
    END IF;
END
$function$;

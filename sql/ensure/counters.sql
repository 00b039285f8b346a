-- The counters of feature_usage: integer or bigint, never NULL, never negative, 0 by default.
--
-- One CHECK constraint covers all of them, because the executor prepares every CHECK constraint of
-- a table anew in every statement.

CREATE FUNCTION feature_usage_internal.counters()
RETURNS TABLE (name text, definition text, types text[], description text, number smallint, type text,
               is_not_null boolean, starts_at_0 boolean, has_comment boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT w.name, w.definition, w.types, w.description, a.attnum, format_type(a.atttypid, NULL),
           a.attnotnull, coalesce(pg_get_expr(d.adbin, d.adrelid) IN ('0', '''0''::bigint'), false),
           col_description(a.attrelid, a.attnum) IS NOT NULL
      FROM feature_usage_internal.wanted_columns(false) AS w
      LEFT JOIN pg_attribute AS a ON a.attrelid = to_regclass('@extschema@.feature_usage')
                                 AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE w.is_counter
     ORDER BY w.number
$function$;
COMMENT ON FUNCTION feature_usage_internal.counters() IS
'Returns the counters that feature_usage should have, and what their columns are like now.';

CREATE FUNCTION feature_usage_internal.counter_check()
RETURNS TABLE (is_there boolean, is_valid boolean, is_complete boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    -- is_there: a constraint of this form covers every counter that has a column. is_complete:
    -- every counter has one. The arguments of LEAST are plain columns, perhaps cast to bigint.
    SELECT coalesce(bool_or(c.oid IS NOT NULL), false), coalesce(bool_or(c.convalidated), false),
           coalesce(bool_or(c.oid IS NOT NULL), false) AND NOT EXISTS (SELECT FROM feature_usage_internal.counters() WHERE number IS NULL)
      FROM pg_constraint AS c
     WHERE c.conrelid = to_regclass('@extschema@.feature_usage') AND c.contype = 'c'
       AND c.conname = 'feature_usage_counters_not_negative'
       AND regexp_replace(pg_get_constraintdef(c.oid), '\(([^()]+)\)::bigint', '\1', 'g') ~ '^CHECK \(\(LEAST\([^()]*\) >= 0\)\)( NOT VALID)?$'
       AND c.conkey @> ARRAY(SELECT n.number FROM feature_usage_internal.counters() AS n WHERE n.number IS NOT NULL)
$function$;
COMMENT ON FUNCTION feature_usage_internal.counter_check() IS
'Returns whether the CHECK constraint of the counters is there, is validated and covers all of them.';

CREATE FUNCTION feature_usage_internal.counters_need_change() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT NOT (SELECT is_complete FROM feature_usage_internal.counter_check())
        OR EXISTS (SELECT FROM feature_usage_internal.counters()
                    WHERE number IS NULL OR type <> ALL ('{integer,bigint}') OR NOT is_not_null OR NOT starts_at_0)
$function$;
COMMENT ON FUNCTION feature_usage_internal.counters_need_change() IS
'Returns whether ensure_counters() would change feature_usage.';

CREATE FUNCTION feature_usage_internal.ensure_counters() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    counters constant regclass := '@extschema@.feature_usage';
    checked record;
    counter record;
    changes text[];
    nullable text[];
BEGIN
    IF feature_usage_internal.counters_need_change() THEN
        SELECT * INTO checked FROM feature_usage_internal.counter_check();
        FOR counter IN SELECT * FROM feature_usage_internal.counters() LOOP
            IF counter.number IS NULL THEN
                changes := changes || format('ADD COLUMN %I %s', counter.name, counter.definition);
                CONTINUE;
            ELSIF counter.type <> ALL (counter.types) THEN
                RAISE EXCEPTION 'column % of % is of type %, not integer or bigint', quote_ident(counter.name), counters, counter.type
                    USING ERRCODE = 'datatype_mismatch',
                          HINT = 'Change the type of the column, or rename the column, then retry.';
            ELSIF counter.type = 'smallint' THEN
                changes := changes || format('ALTER COLUMN %I TYPE integer', counter.name);
            END IF;
            IF NOT counter.starts_at_0 THEN
                changes := changes || format('ALTER COLUMN %I SET DEFAULT 0', counter.name);
            END IF;
            IF NOT counter.is_not_null THEN
                nullable := nullable || quote_ident(counter.name);
                changes := changes || format('ALTER COLUMN %I SET NOT NULL', counter.name);
            END IF;
        END LOOP;

        IF NOT checked.is_complete THEN
            IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = counters AND conname = 'feature_usage_counters_not_negative') THEN
                changes := changes || 'DROP CONSTRAINT feature_usage_counters_not_negative'::text;
            END IF;
            -- If the constraint held for the counters that were there, it holds for the new ones,
            -- which are 0: nothing has to be read.
            changes := changes || format('ADD CONSTRAINT feature_usage_counters_not_negative CHECK (LEAST(%s) >= 0)%s',
                (SELECT string_agg(quote_ident(name), ', ') FROM feature_usage_internal.counters()),
                CASE WHEN checked.is_there THEN ' NOT VALID' ELSE '' END);
        END IF;

        IF nullable IS NOT NULL THEN
            EXECUTE format('UPDATE %s SET %s WHERE num_nulls(%s) > 0', counters,
                (SELECT string_agg(format('%1$s = coalesce(%1$s, 0)', name), ', ') FROM unnest(nullable) AS name),
                array_to_string(nullable, ', '));
        END IF;
        BEGIN
            EXECUTE format('ALTER TABLE %s %s', counters, array_to_string(changes, ', '));
        EXCEPTION WHEN check_violation THEN
            PERFORM feature_usage_internal.refuse_negative_counts();
            RAISE;
        END;
    END IF;

    FOR counter IN SELECT * FROM feature_usage_internal.counters() WHERE NOT has_comment LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', counters, counter.name, counter.description);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_counters() IS
'Adds missing counters and their CHECK constraint in one ALTER TABLE; turns NULL counts into 0.';

CREATE FUNCTION feature_usage_internal.validate_counters() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF EXISTS (SELECT FROM feature_usage_internal.counter_check() WHERE is_there AND NOT is_valid) THEN
        BEGIN
            ALTER TABLE @extschema@.feature_usage VALIDATE CONSTRAINT feature_usage_counters_not_negative;
        EXCEPTION WHEN check_violation THEN
            PERFORM feature_usage_internal.refuse_negative_counts();
            RAISE;
        END;
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.validate_counters() IS
'Validates the CHECK constraint that add_feature() has left unvalidated; readers and writers go on.';

CREATE FUNCTION feature_usage_internal.refuse_negative_counts() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    present constant text[] := ARRAY(SELECT n.name FROM feature_usage_internal.counters() AS n WHERE n.number IS NOT NULL);
    negative text;
BEGIN
    EXECUTE format(
        $$SELECT string_agg(format('user_id=%%s, period=%%s: %%s', user_id, period,
                                   (SELECT string_agg(c.name || '=' || c.value, ', ' ORDER BY c.number)
                                      FROM unnest($1, ARRAY[%2$s]::bigint[]) WITH ORDINALITY AS c (name, value, number)
                                     WHERE c.value < 0)), E'\n' ORDER BY user_id, period)
            FROM (SELECT * FROM %1$s WHERE LEAST(%2$s) < 0 ORDER BY user_id, period LIMIT 10) AS negative$$,
        '@extschema@.feature_usage', (SELECT string_agg(quote_ident(name), ', ') FROM unnest(present) AS name))
       INTO negative USING present;
    IF negative IS NOT NULL THEN
        RAISE EXCEPTION 'feature_usage has negative counts'
            USING ERRCODE = 'check_violation', DETAIL = negative,
                  HINT = 'A negative count allows more than the limit. Correct these rows, then retry. At most 10 are listed.';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.refuse_negative_counts() IS
'Raises an error that lists rows with negative counts, if there are any.';

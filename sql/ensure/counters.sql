-- The counters of feature_usage: integer or bigint, never NULL, never negative, 0 by default.

CREATE FUNCTION feature_usage_internal.counters()
RETURNS TABLE (name text, definition text, types text[], description text, number smallint, type text,
               is_generated boolean, is_not_null boolean, starts_at_0 boolean, has_comment boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT w.name, w.definition, w.types, w.description, a.attnum, format_type(a.atttypid, NULL),
           a.attgenerated <> '', feature_usage_internal.is_not_null(a.attrelid, a.attnum),
           coalesce(pg_get_expr(d.adbin, d.adrelid) IN ('0', '''0''::bigint'), false),
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

CREATE FUNCTION feature_usage_internal.counters_need_change() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT feature_usage_internal.not_negative_changes('feature_usage') IS NOT NULL
        OR EXISTS (SELECT FROM feature_usage_internal.counters()
                    WHERE number IS NULL OR type <> ALL ('{integer,bigint}') OR NOT is_not_null OR NOT starts_at_0)
$function$;
COMMENT ON FUNCTION feature_usage_internal.counters_need_change() IS
'Returns whether ensure_counters() would change feature_usage.';

CREATE FUNCTION feature_usage_internal.ensure_counters() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    counters constant regclass := '@extschema@.feature_usage';
    counter record;
    changes text[];
    nullable text[];
BEGIN
    IF feature_usage_internal.counters_need_change() THEN
        FOR counter IN SELECT * FROM feature_usage_internal.counters() LOOP
            IF counter.number IS NULL THEN
                changes := changes || format('ADD COLUMN %I %s', counter.name, counter.definition);
                CONTINUE;
            ELSIF counter.type <> ALL (counter.types) THEN
                RAISE EXCEPTION 'column % of % is of type %, not integer or bigint', quote_ident(counter.name), counters, counter.type
                    USING ERRCODE = 'datatype_mismatch', HINT = feature_usage_internal.type_hint(counters, counter.name, counter.types);
            ELSIF counter.is_generated THEN
                RAISE EXCEPTION 'column % of % is generated, so nothing can be counted in it', quote_ident(counter.name), counters
                    USING ERRCODE = 'generated_always', HINT = 'Drop or rename the column, then retry.';
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

        changes := changes || feature_usage_internal.not_negative_changes('feature_usage');

        IF nullable IS NOT NULL THEN
            EXECUTE format('UPDATE %s SET %s WHERE num_nulls(%s) > 0', counters,
                (SELECT string_agg(format('%1$s = coalesce(%1$s, 0)', name), ', ') FROM unnest(nullable) AS name),
                array_to_string(nullable, ', '));
        END IF;
        PERFORM feature_usage_internal.alter_or_refuse_negative('feature_usage', array_to_string(changes, ', '));
    END IF;

    FOR counter IN SELECT * FROM feature_usage_internal.counters() WHERE NOT has_comment LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', counters, counter.name, counter.description);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_counters() IS
'Adds missing counters and their CHECK constraint in one ALTER TABLE; turns NULL counts into 0.';

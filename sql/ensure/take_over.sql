-- What an app finds out late, or one after the other, when its own tables are taken over.

CREATE FUNCTION feature_usage_internal.refuse_other_types() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    others record;
BEGIN
    SELECT count(*) AS number,
           string_agg(format('%s of %s is of type %s, not %s', quote_ident(o.name), o.relation, o.type,
                             array_to_string(o.types, ' or ')), E'\n' ORDER BY o.lock_order, o.position) AS listed,
           string_agg(feature_usage_internal.type_hint(o.relation, o.name, o.types), E'\n' ORDER BY o.lock_order, o.position) AS hints
      INTO others
      FROM (SELECT m.relation, m.lock_order, m.number AS position, m.name, m.current_type, m.types
              FROM feature_usage_internal.missing_columns() AS m
             UNION ALL
            SELECT r.relation, r.lock_order, 1000 + c.number, c.name, c.type, c.types
              FROM feature_usage_internal.relations() AS r, feature_usage_internal.counters() AS c
             WHERE r.name = 'feature_usage') AS o (relation, lock_order, position, name, type, types)
     WHERE o.type <> ALL (o.types);
    -- A single one is named by whoever would use it.
    IF others.number > 1 THEN
        RAISE EXCEPTION '% columns are of a type that feature_usage cannot use', others.number
            USING ERRCODE = 'datatype_mismatch', DETAIL = others.listed, HINT = others.hints;
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.refuse_other_types() IS
'Raises an error that lists the columns of other types, if there are several.';

CREATE FUNCTION feature_usage_internal.warn_of_unseen_counts() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    counters constant regclass := '@extschema@.feature_usage';
    counts constant text := (
        SELECT string_agg(format('CASE WHEN %1$I <> 0 AND period !~ %2$L THEN %3$L || %1$I END', f.usage_column,
                                 k.key_pattern, f.usage_column || '='), ', ' ORDER BY f.usage_column COLLATE "C")
          FROM feature_usage_internal.features(false) AS f
          JOIN feature_usage_internal.period_kinds AS k ON k.name = f.period);
    listed text;
BEGIN
    EXECUTE format(
        $$SELECT string_agg(format('(%%s, %%s): %%s', user_id, period, counts), E'\n' ORDER BY user_id, period COLLATE "C")
            FROM (SELECT user_id, period, counts
                    FROM (SELECT user_id, period, concat_ws(', ', %s) AS counts FROM %s) AS every
                   WHERE counts <> '' ORDER BY user_id, period COLLATE "C" LIMIT 10) AS unseen$$, counts, counters)
       INTO listed;
    IF listed IS NOT NULL THEN
        RAISE WARNING 'feature_usage has counts that no check will see'
            USING DETAIL = listed,
                  HINT = 'A count per month needs a period such as 2025-02, a count per day one such as 2025-02-10. Add these counts to the rows of those periods. At most 10 rows are listed.';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_unseen_counts() IS
'Warns of counts in rows whose period is not of the kind of their feature.';

CREATE FUNCTION feature_usage_internal.warn_of_other_shape() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    counters constant regclass := '@extschema@.feature_usage';
    listed text;
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO listed
      FROM pg_attribute AS a
     WHERE a.attrelid = counters AND a.attnum > 0 AND NOT a.attisdropped
       AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
       AND a.attname <> ALL (ARRAY(SELECT w.name FROM feature_usage_internal.wanted_columns(false) AS w WHERE w.table_name = 'feature_usage'));
    IF listed IS NOT NULL THEN
        RAISE WARNING '%: no new row can be inserted, because these columns have no default: %', counters, listed
            USING HINT = 'Give them a default, or drop NOT NULL. If each row counts one feature, rename the table, create the extension, and copy the counts, as docs/takeover.md shows.';
    END IF;

    SELECT string_agg(pg_get_indexdef(i.indexrelid), E'\n' ORDER BY i.indexrelid) INTO listed
      FROM pg_index AS i
     WHERE i.indrelid = counters AND i.indisunique AND i.indnkeyatts = 1
       AND i.indkey[0] IN (SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = counters AND a.attname IN ('user_id', 'period'));
    IF listed IS NOT NULL THEN
        RAISE WARNING '%: a unique key allows a single row per user or per period', counters
            USING DETAIL = listed, HINT = 'Drop this key: there is one row per user and period.';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_other_shape() IS
'Warns of columns and keys with which the first count of a period fails.';

CREATE FUNCTION feature_usage_internal.warn_of_missing_plan() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM @extschema@.plan_limits WHERE plan_id = 'free') THEN
        RAISE WARNING 'plan_limits has no plan free: users without a plan are denied'
            USING HINT = 'Insert it: INSERT INTO @extschema@.plan_limits (plan_id, plan_name, ...) VALUES (''free'', ''Free'', ...);';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_missing_plan() IS
'Warns if the plan of users without a plan is missing.';

CREATE FUNCTION feature_usage_internal.warn_of_taken_over() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $function$
    SELECT feature_usage_internal.warn_of_unseen_counts();
    SELECT feature_usage_internal.warn_of_other_shape();
    SELECT feature_usage_internal.warn_of_missing_plan();
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_taken_over() IS
'Warns of what an app with tables of its own would notice too late. CREATE EXTENSION calls it.';

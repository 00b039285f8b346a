-- Deleting what nobody needs any more.

CREATE FUNCTION @extschema@.prune_feature_usage(
    p_older_than interval DEFAULT '7 days', p_periods_older_than interval DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    age record;
    cutoff timestamptz;
    keys bigint;
    reservations bigint;
    periods bigint := 0;
    windows bigint;
    gone bigint;
    entries bigint := 0;
    margin interval;
    ended text[];
    users record;
BEGIN
    IF p_older_than IS NULL THEN
        RAISE EXCEPTION 'p_older_than must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass an interval such as ''7 days''.';
    END IF;
    FOR age IN
        SELECT * FROM (VALUES ('p_older_than', p_older_than), ('p_periods_older_than', p_periods_older_than)) AS ages (name, value)
         WHERE value IS NOT NULL
    LOOP
        IF age.value < interval '0' THEN
            RAISE EXCEPTION '% must not be negative', age.name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass an interval such as ''7 days''.';
        END IF;
        -- Periods have years from 1 to 9999. to_char() would write a year before that without its era.
        BEGIN
            cutoff := now() - age.value;
        EXCEPTION WHEN datetime_field_overflow THEN
            cutoff := '-infinity';
        END;
        IF cutoff < '0001-01-02 00:00:00+00' OR cutoff >= '9999-12-31 00:00:00+00' THEN
            RAISE EXCEPTION '% reaches back beyond the year 1', age.name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass a shorter interval, such as ''7 days''.';
        END IF;
    END LOOP;

    IF to_regclass('@extschema@.feature_idempotency_keys') IS NULL
       OR to_regclass('@extschema@.feature_reservations') IS NULL OR to_regclass('@extschema@.feature_usage') IS NULL
       OR to_regclass('@extschema@.usage_counters') IS NULL OR to_regclass('@extschema@.usage_features') IS NULL
       OR to_regclass('@extschema@.usage_rules') IS NULL OR to_regclass('@extschema@.usage_ledger') IS NULL
       OR to_regclass('@extschema@.usage_pools') IS NULL OR to_regclass('@extschema@.usage_increments') IS NULL THEN
        RAISE EXCEPTION 'a table of feature_usage is missing'
            USING ERRCODE = 'undefined_table', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    END IF;

    -- Everybody locks feature_usage first.
    LOCK TABLE @extschema@.feature_usage IN ROW EXCLUSIVE MODE;
    LOCK TABLE @extschema@.feature_reservations IN ROW EXCLUSIVE MODE;
    LOCK TABLE @extschema@.feature_idempotency_keys IN ROW EXCLUSIVE MODE;
    LOCK TABLE @extschema@.usage_counters IN ROW EXCLUSIVE MODE;
    LOCK TABLE @extschema@.usage_increments IN ROW EXCLUSIVE MODE;
    -- Period keys of one kind sort by time in "C". A period of a time zone ends at most a day later
    -- than in UTC; one of a billing kind is taken to be as long as the longest of its kind.
    SELECT CASE WHEN bool_or(f.reads_calendars)
                  OR EXISTS (SELECT FROM @extschema@.usage_pools AS po, to_jsonb(po) AS pool
                              WHERE pool ->> 'time_zone' IS NOT NULL OR pool ->> 'period_anchor' IS NOT NULL)
                  OR EXISTS (SELECT FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
                              WHERE c.oid IN (to_regclass('@extschema@.user_plans'), to_regclass('@extschema@.plan_limits'), to_regclass('@extschema@.usage_pools'))
                                AND c.relkind NOT IN ('r', 'p') AND a.attname IN ('time_zone', 'period_anchor'))
                THEN interval '1 day' ELSE '0' END
      INTO margin FROM @extschema@.usage_features AS f;
    SELECT array_agg('CASE ' || condition || ' ELSE false END' ORDER BY number) INTO ended
      FROM (SELECT number, string_agg(
                       format('WHEN period LIKE %L THEN %s COLLATE "C" < %L', shape,
                              CASE WHEN longest = '0' THEN 'period' ELSE 'left(period, 10)' END,
                              to_char(greatest(ages.cutoff - longest - margin, '0001-01-01 00:00:00+00') AT TIME ZONE 'UTC', template)),
                       ' ' ORDER BY shape) AS condition
              FROM (VALUES (1, now() - p_older_than), (2, now() - coalesce(p_periods_older_than, '0'))) AS ages (number, cutoff),
                   (VALUES ('____-__-__T__', 'YYYY-MM-DD"T"HH24', interval '0'), ('____-__-__', 'YYYY-MM-DD', '0'),
                           ('____-W__', 'IYYY-"W"IW', '0'), ('____-__', 'YYYY-MM', '0'), ('____', 'YYYY', '0'),
                           ('____-__-__/P1W', 'YYYY-MM-DD', '7 days'), ('____-__-__/P1M', 'YYYY-MM-DD', '31 days'),
                           ('____-__-__/P1Y', 'YYYY-MM-DD', '366 days')) AS kinds (shape, template, longest)
             GROUP BY number) AS conditions;

    -- Rows that others have locked are left for the next time: whoever waits for many rows can
    -- deadlock with a batch, or with the deletion of a user.
    DELETE FROM @extschema@.feature_idempotency_keys WHERE (user_id, operation, key) IN (
        SELECT ik.user_id, ik.operation, ik.key FROM @extschema@.feature_idempotency_keys AS ik
         WHERE ik.created_at < now() - p_older_than FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS keys = ROW_COUNT;
    -- An open reservation is part of a count, however old it is.
    DELETE FROM @extschema@.feature_reservations WHERE (reservation_id, user_id) IN (
        SELECT fr.reservation_id, fr.user_id FROM @extschema@.feature_reservations AS fr
         WHERE fr.status <> 'reserved' AND fr.updated_at < now() - p_older_than FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS reservations = ROW_COUNT;
    IF p_periods_older_than IS NOT NULL THEN
        EXECUTE 'DELETE FROM ' || '@extschema@.feature_usage' || ' WHERE (user_id, period) IN (
            SELECT fu.user_id, fu.period FROM ' || '@extschema@.feature_usage' || ' AS fu
             WHERE ' || ended[2] || '
               AND NOT EXISTS (SELECT FROM ' || '@extschema@.feature_reservations' || ' AS fr
                                WHERE fr.user_id = fu.user_id AND fr.status = ''reserved''
                                  AND (fr.period = fu.period OR fr.sources -> ''paid'' ->> ''period'' = fu.period))
               FOR UPDATE SKIP LOCKED)';
        GET DIAGNOSTICS periods = ROW_COUNT;
    END IF;
    -- What was appended to a count goes with it.
    DELETE FROM @extschema@.usage_increments WHERE (user_id, period, feature_type, increment_id) IN (
        SELECT ui.user_id, ui.period, ui.feature_type, ui.increment_id FROM @extschema@.usage_increments AS ui
         WHERE NOT EXISTS (SELECT FROM @extschema@.feature_usage AS fu
                            WHERE fu.user_id = ui.user_id AND fu.period = ui.period AND fu.has_increments)
           FOR UPDATE SKIP LOCKED);
    -- What grants and overage covered of a period goes with its count; what an open reservation is
    -- counted in stays, so that it can be given back.
    EXECUTE 'DELETE FROM ' || '@extschema@.usage_counters' || ' WHERE (pool_id, user_id, feature_type, period) IN (
        SELECT uc.pool_id, uc.user_id, uc.feature_type, uc.period FROM ' || '@extschema@.usage_counters' || ' AS uc
         WHERE CASE WHEN uc.period LIKE ''rate/%'' THEN coalesce(uc.tat, uc.updated_at) < $1
                    WHEN EXISTS (SELECT FROM ' || '@extschema@.usage_features' || ' AS uf
                                   JOIN unnest($2, $3) AS k (kind, shape) ON k.kind = uf.period
                                  WHERE uf.feature_type = uc.feature_type AND uc.period LIKE k.shape)
                    THEN $4 AND (' || ended[2] || ')
                         AND NOT EXISTS (SELECT FROM ' || '@extschema@.feature_usage' || ' AS fu
                                          WHERE uc.pool_id = $5 AND fu.user_id = uc.user_id AND fu.period = uc.period)
                         AND NOT EXISTS (SELECT FROM ' || '@extschema@.feature_reservations' || ' AS fr
                                          WHERE fr.pool_id = uc.pool_id AND fr.status = ''reserved''
                                            AND (fr.period = uc.period OR fr.sources -> ''paid'' ->> ''period'' = uc.period))
                    ELSE ' || ended[1] || ' END
           AND NOT EXISTS (SELECT FROM ' || '@extschema@.feature_reservations' || ' AS fr
                            CROSS JOIN LATERAL (VALUES (fr.feature_type, fr.sources -> ''windows''), (fr.feature_type, fr.sources -> ''member_windows''),
                                               (fr.sources -> ''paid'' ->> ''in'', fr.sources -> ''paid'' -> ''windows''),
                                               (fr.sources -> ''paid'' ->> ''in'', fr.sources -> ''paid'' -> ''member_windows'')) AS c (feature_type, windows)
                            CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(c.windows) WHEN ''array'' THEN c.windows ELSE ''[]'' END) AS w (part)
                            WHERE CASE WHEN uc.pool_id = $5 THEN fr.user_id = uc.user_id AND fr.pool_id IS NULL ELSE fr.pool_id = uc.pool_id END
                              AND c.feature_type = uc.feature_type AND fr.status = ''reserved''
                              AND w.part ->> 1 = uc.period)
           FOR UPDATE SKIP LOCKED)'
    USING now() - p_older_than, '{hour,day,week,month,year,total,billing_week,billing_month,billing_year}'::text[],
          '{____-__-__T__,____-__-__,____-W__,____-__,____,total,____-__-__/P1W,____-__-__/P1M,____-__-__/P1Y}'::text[],
          p_periods_older_than IS NOT NULL, '00000000-0000-0000-0000-000000000000'::uuid;
    GET DIAGNOSTICS windows = ROW_COUNT;
    -- These rows have no foreign key, so that no update waits for the user's row.
    FOR users IN
        SELECT f.confrelid::regclass AS relation, k.attname AS key
          FROM pg_constraint AS f
          JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attname = 'user_id' AND f.conkey = ARRAY[a.attnum]
          JOIN pg_attribute AS k ON k.attrelid = f.confrelid AND k.attnum = f.confkey[1]
          JOIN pg_class AS c ON c.oid = f.confrelid
         WHERE f.conrelid = '@extschema@.feature_usage'::regclass AND f.contype = 'f'
           AND has_schema_privilege(c.relnamespace, 'USAGE') AND has_column_privilege(c.oid, k.attnum, 'SELECT')
    LOOP
        EXECUTE format('DELETE FROM %1$s WHERE (pool_id, user_id, feature_type, period) IN (
            SELECT uc.pool_id, uc.user_id, uc.feature_type, uc.period FROM %1$s AS uc
             WHERE uc.pool_id = ''00000000-0000-0000-0000-000000000000''
               AND NOT EXISTS (SELECT FROM %2$s AS u WHERE u.%3$I = uc.user_id) FOR UPDATE SKIP LOCKED)',
            '@extschema@.usage_counters', users.relation, users.key);
        GET DIAGNOSTICS gone = ROW_COUNT;
        windows := windows + gone;
    END LOOP;
    -- Only the owner may delete what happened. The last rule that logs a feature says for how long it
    -- is kept, even if that has ended.
    IF has_table_privilege('@extschema@.usage_ledger', 'DELETE') THEN
        DELETE FROM @extschema@.usage_ledger AS ul USING (
            SELECT DISTINCT ON (ur.feature_type) ur.feature_type, ur.amount FROM @extschema@.usage_rules AS ur
             WHERE ur.effect = 'log' AND ur.starts_at <= now()
             ORDER BY ur.feature_type, ur.starts_at DESC, ur.created_at DESC, ur.rule_id DESC) AS kept
         WHERE ul.feature_type = kept.feature_type AND kept.amount IS NOT NULL
           AND ul.at < now() - make_interval(days => least(kept.amount, 1000000)::integer);
        GET DIAGNOSTICS entries = ROW_COUNT;
    END IF;
    RETURN jsonb_build_object('idempotency_keys', keys, 'reservations', reservations, 'periods', periods)
           || CASE WHEN windows > 0 THEN jsonb_build_object('windows', windows) ELSE '{}' END
           || CASE WHEN entries > 0 THEN jsonb_build_object('entries', entries) ELSE '{}' END;
END
$function$;
COMMENT ON FUNCTION @extschema@.prune_feature_usage(interval, interval) IS
'Deletes old idempotency keys and settled reservations and, if asked, counts of old periods. '
'Idempotency keys and settled reservations go if they are older than p_older_than, and so do windows and rates of caps that ended longer ago and hold no open reservation. Counts go only if p_periods_older_than is given and their period ended longer ago than that; counts with open reservations stay. Time zones and anchors keep a period up to a month longer, so that no current one goes. Returns how many were deleted: {"idempotency_keys", "reservations", "periods"}, and "windows" and "entries" if there were any. Entries of the ledger go by the days of the rule that logs their feature, if the caller may delete them. Errors: 22004 for a NULL p_older_than, 22023 for an interval that is negative or reaches back beyond the year 1, 42P01 if a table is missing.';

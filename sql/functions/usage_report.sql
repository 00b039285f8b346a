-- Who has used what, from the ledger or from the counters.

-- The planner cannot know how few buckets there are, and would sort all entries on disk instead of hashing
-- them. JIT takes longer to compile than it saves here.
CREATE FUNCTION @extschema@.usage_report(
    p_from timestamptz, p_to timestamptz, p_by text DEFAULT 'day',
    p_feature_type text DEFAULT NULL, p_user_id uuid DEFAULT NULL, p_pool_id uuid DEFAULT NULL
) RETURNS TABLE (
    bucket timestamptz, feature_type text, user_id uuid, pool_id uuid, amount bigint, overage bigint, entries bigint
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_sort = off SET enable_incremental_sort = off SET jit = off AS $function$
DECLARE
    known text[];
    missing text;
    counters text;
    -- Of a key that begins with a date. The 31st of a short month is a day of the next.
    day constant text :=
        $$(make_date(left(period, 4)::integer, substr(period, 6, 2)::integer, 1) + substr(period, 9, 2)::integer - 1)::timestamp AT TIME ZONE 'UTC'$$;
BEGIN
    FOR missing IN
        SELECT a.name FROM (VALUES ('p_from', p_from::text), ('p_to', p_to::text), ('p_by', p_by)) AS a (name, value)
         WHERE a.value IS NULL
    LOOP
        RAISE EXCEPTION '% must not be null', missing
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass a value for this argument.';
    END LOOP;
    IF p_by NOT IN ('hour', 'day', 'month', 'period') THEN
        RAISE EXCEPTION 'p_by is "%"', left(p_by, 64)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass hour, day, month or period.';
    ELSIF p_from > p_to THEN
        RAISE EXCEPTION 'p_from is after p_to'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The report is from p_from, until before p_to.';
    ELSIF p_by = 'hour' AND p_to > p_from + interval '400 days' THEN
        RAISE EXCEPTION 'a report by hour is of at most 400 days'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask for fewer days, or by day.';
    END IF;
    IF to_regclass('@extschema@.usage_features') IS NULL OR to_regclass('@extschema@.feature_usage') IS NULL
       OR to_regclass('@extschema@.usage_counters') IS NULL OR to_regclass('@extschema@.usage_ledger') IS NULL
       OR to_regclass('@extschema@.usage_increments') IS NULL THEN
        RAISE EXCEPTION 'a table of feature_usage is missing'
            USING ERRCODE = 'undefined_table', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    END IF;
    SELECT array_agg(uf.feature_type ORDER BY uf.feature_type COLLATE "C") INTO known FROM @extschema@.usage_features AS uf;
    IF p_feature_type IS NOT NULL AND (p_feature_type = ANY (known)) IS NOT TRUE THEN
        RAISE EXCEPTION 'unknown feature type "%"', left(p_feature_type, 64)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('The feature types are %s. Register others with add_feature().', array_to_string(known, ', '));
    END IF;

    IF p_by <> 'period' THEN
        -- An interval as time zone costs a fifth of what 'UTC' does; only entries about grants have no period.
        RETURN QUERY
        SELECT date_trunc(p_by, ul.at AT TIME ZONE interval '0') AT TIME ZONE interval '0', ul.feature_type, ul.user_id, ul.pool_id,
               sum(ul.amount)::bigint, sum(ul.overage)::bigint, count(*)
          FROM @extschema@.usage_ledger AS ul
         WHERE ul.at >= p_from AND ul.at < p_to AND ul.period <> ''
           AND (p_feature_type IS NULL OR ul.feature_type = p_feature_type)
           AND (p_user_id IS NULL OR ul.user_id = p_user_id)
           AND (p_pool_id IS NULL OR ul.pool_id = p_pool_id)
         GROUP BY 1, 2, 3, 4 ORDER BY 1, ul.feature_type COLLATE "C", 4 NULLS FIRST, 3 NULLS FIRST;
        RETURN;
    END IF;

    -- A key that somebody has written by hand, and that is no period, is left out.
    SELECT string_agg(format(
               $$SELECT %1$s AS bucket, %2$L::text AS feature_type, fu.user_id::uuid AS user_id, '00000000-0000-0000-0000-000000000000'::uuid AS pool_id,
                        fu.%3$I::bigint + CASE WHEN fu.has_increments THEN
                            (SELECT coalesce(sum(ui.amount), 0)::bigint FROM @extschema@.usage_increments AS ui
                              WHERE ui.user_id = fu.user_id AND ui.period = fu.period AND ui.feature_type = %2$L)
                            ELSE 0 END AS amount, fu.period::text AS period
                   FROM @extschema@.feature_usage AS fu WHERE (fu.%3$I > 0 OR fu.has_increments) AND fu.period::text ~ %4$L
                  UNION ALL
                 SELECT %5$s, uc.feature_type, uc.user_id, uc.pool_id, uc.used, uc.period
                   FROM @extschema@.usage_counters AS uc
                  WHERE uc.pool_id <> '00000000-0000-0000-0000-000000000000' AND uc.feature_type = %2$L AND uc.used > 0 AND uc.period ~ %4$L$$,
               replace(k.starts_at, 'period', 'fu.period::text'), uf.feature_type, uf.usage_column, k.shape,
               replace(k.starts_at, 'period', 'uc.period')), ' UNION ALL ')
      INTO counters
      FROM @extschema@.usage_features AS uf
      JOIN (VALUES
            ('hour', '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\dT\d\d$',
             $$(make_date(left(period, 4)::integer, substr(period, 6, 2)::integer, 1) + substr(period, 9, 2)::integer - 1
                + make_interval(hours => substr(period, 12, 2)::integer)) AT TIME ZONE 'UTC'$$),
            ('day', '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\d$', day),
            ('week', '^(?!0000)\d{4}-W([0-4]\d|5[0-3])$', $$to_date(period, 'IYYY-"W"IW')::timestamp AT TIME ZONE 'UTC'$$),
            ('month', '^(?!0000)\d{4}-(0[1-9]|1[0-2])$',
             $$make_date(left(period, 4)::integer, substr(period, 6, 2)::integer, 1)::timestamp AT TIME ZONE 'UTC'$$),
            ('year', '^(?!0000)\d{4}$', $$make_date(period::integer, 1, 1)::timestamp AT TIME ZONE 'UTC'$$),
            ('total', '^total$', $$'-infinity'::timestamptz$$),
            ('billing_week', '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\d/P1W$', day),
            ('billing_month', '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\d/P1M$', day),
            ('billing_year', '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\d/P1Y$', day)
           ) AS k (kind, shape, starts_at) ON k.kind = uf.period
     WHERE (p_feature_type IS NULL OR uf.feature_type = p_feature_type)
       AND EXISTS (SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = '@extschema@.feature_usage'::regclass AND a.attname = uf.usage_column AND NOT a.attisdropped);
    IF counters IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        $$SELECT c.bucket, c.feature_type, nullif(c.user_id, '00000000-0000-0000-0000-000000000000'),
                 nullif(c.pool_id, '00000000-0000-0000-0000-000000000000'), sum(c.amount)::bigint, coalesce(sum(uc.overage), 0)::bigint, NULL::bigint
            FROM (%s) AS c
            LEFT JOIN @extschema@.usage_counters AS uc
              ON uc.pool_id = c.pool_id AND uc.user_id = c.user_id
             AND uc.feature_type = c.feature_type AND uc.period = c.period
           WHERE c.amount > 0 AND c.bucket >= $1 AND c.bucket < $2 AND ($3 IS NULL OR c.user_id = $3)
             AND ($4 IS NULL OR c.pool_id = $4)
           GROUP BY 1, 2, 3, 4 ORDER BY 1, c.feature_type COLLATE "C", 4 NULLS FIRST, 3 NULLS FIRST$$, counters)
    USING p_from, p_to, p_user_id, p_pool_id;
END
$function$;
COMMENT ON FUNCTION @extschema@.usage_report(timestamptz, timestamptz, text, text, uuid, uuid) IS
'Returns who has used what from p_from until before p_to, per hour, day, month or period. '
'p_by hour (of at most 400 days), day and month read the ledger, of features that a rule logs, by UTC; period reads the counters of every feature, by the date of the period key, at midnight UTC (total is -infinity). One row per bucket, feature, user and pool that the caller may read: {bucket, feature_type, user_id, pool_id, amount, overage, entries}; entries is NULL for period, and so is user_id of a pool''s total, which includes the rows of its members. Errors: 22004 for a NULL, 22023 for an unknown feature type or p_by, or unusable instants, 42P01 if a table is missing.';

-- Registering a user-defined feature.

CREATE FUNCTION @extschema@.add_feature(
    p_feature_type text, p_period text, p_usage_column text DEFAULT NULL, p_limit_column text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $function$
DECLARE
    usage_name constant text := coalesce(p_usage_column, p_feature_type);
    limit_name constant text := coalesce(p_limit_column, coalesce(p_usage_column, p_feature_type) || '_limit');
    checked record;
    existing record;
    locked record;
BEGIN
    IF p_feature_type IS NULL OR p_period IS NULL THEN
        RAISE EXCEPTION '% must not be null', CASE WHEN p_feature_type IS NULL THEN 'p_feature_type' ELSE 'p_period' END
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass the feature type, and a kind of period such as day.';
    ELSIF p_period NOT IN (SELECT k.name FROM feature_usage_internal.period_kinds AS k) THEN
        RAISE EXCEPTION 'unknown kind of period "%"', left(p_period, 64)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('The kinds of period are %s.', feature_usage_internal.kinds_in_words());
    END IF;

    -- 50 bytes leave room for what is made of the name: increment_...
    FOR checked IN
        SELECT * FROM (VALUES ('p_feature_type', p_feature_type, ARRAY[]::text[]),
                              ('p_usage_column', usage_name,
                               ARRAY['id', 'user_id', 'period', 'has_reservations', 'created_at', 'updated_at', 'feature_usage']),
                              ('p_limit_column', limit_name,
                               ARRAY['plan_id', 'plan_name', 'is_active', 'display_order', 'created_at', 'updated_at',
                                     'features', 'plan_id_limit', 'plan_name_limit', 'features_limit'])
                      ) AS arguments (argument, name, reserved)
    LOOP
        IF checked.name !~ '^[a-z][a-z0-9_]{0,49}$' THEN
            RAISE EXCEPTION '% "%" is not a name', checked.argument, left(checked.name, 64)
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Write it in lower case, with a-z, 0-9 and _, a letter first, and at most 50 characters.';
        ELSIF checked.name = ANY (checked.reserved) OR checked.argument = 'p_limit_column' AND checked.name LIKE 'has\_%' THEN
            RAISE EXCEPTION '% "%" is reserved', checked.argument, checked.name
                USING ERRCODE = 'invalid_parameter_value', HINT = format('Choose another name, or pass another %s.', checked.argument);
        END IF;
    END LOOP;

    IF 3 > (SELECT count(*) FROM feature_usage_internal.relations() AS r
             WHERE r.name IN ('feature_usage', 'plan_limits', 'usage_features')) THEN
        RAISE EXCEPTION 'a table of feature_usage is missing'
            USING ERRCODE = 'undefined_table', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    END IF;
    PERFORM feature_usage_internal.refuse_unusable_tables();
    PERFORM feature_usage_internal.lock_out_other_setups();

    SELECT * INTO existing FROM @extschema@.usage_features AS f
     WHERE f.feature_type = p_feature_type OR f.usage_column = usage_name
        -- get_user_limits() names a limit without its suffix.
        OR regexp_replace(f.limit_column, '_limit$', '') = regexp_replace(limit_name, '_limit$', '')
     ORDER BY f.feature_type = p_feature_type DESC LIMIT 1;
    IF (existing.feature_type, existing.usage_column, existing.limit_column, existing.period)
       <> (p_feature_type, usage_name, limit_name, p_period) THEN
        RAISE EXCEPTION '%', CASE WHEN existing.feature_type = p_feature_type
                                  THEN format('feature %s is registered with another definition', p_feature_type)
                                  ELSE format('a column of %s belongs to the feature %s', p_feature_type, existing.feature_type) END
            USING ERRCODE = 'duplicate_object',
                  DETAIL = format('Its usage column is %s, its limit column %s and its period %s.',
                                  existing.usage_column, existing.limit_column, existing.period),
                  HINT = 'Choose another name, pass other columns, or pass the same definition.';
    END IF;

    IF existing.feature_type IS NULL AND NOT has_schema_privilege('@extschema@'::regnamespace, 'CREATE') THEN
        RAISE EXCEPTION 'creating increment_% needs CREATE on the schema %', usage_name, '@extschema@'
            USING ERRCODE = 'insufficient_privilege', HINT = format('Run GRANT CREATE ON SCHEMA %s TO %I; as the owner of the schema.', '@extschema@', current_user);
    END IF;

    -- All locks come first, in the common order. A feature that is complete needs none.
    FOR locked IN
        SELECT r.relation FROM feature_usage_internal.relations() AS r
         WHERE r.is_table AND r.name IN ('feature_usage', 'plan_limits')
           AND (existing.feature_type IS NULL OR r.relation IN (
                SELECT n.relation FROM feature_usage_internal.needed_locks() AS n WHERE n.mode = 'ACCESS EXCLUSIVE'))
         ORDER BY r.lock_order
    LOOP
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', locked.relation);
    END LOOP;
    -- Again, since a rule may have been created while this waited for the locks.
    PERFORM feature_usage_internal.refuse_unusable_tables();
    IF existing.feature_type IS NULL THEN
        INSERT INTO @extschema@.usage_features (feature_type, usage_column, limit_column, period)
        VALUES (p_feature_type, usage_name, limit_name, p_period);
    END IF;
    PERFORM feature_usage_internal.ensure_counters();
    PERFORM feature_usage_internal.ensure_columns('{plan_limits}');
    PERFORM feature_usage_internal.ensure_limits_not_negative();
    PERFORM feature_usage_internal.ensure_increments();
    IF to_regclass('@extschema@.usage_rules') IS NOT NULL THEN
        PERFORM feature_usage_internal.ensure_registry_flags();
    END IF;
END
$function$;
COMMENT ON FUNCTION @extschema@.add_feature(text, text, text, text) IS
'Registers a feature and creates its counter, its limit and its increment function. '
'The counter is the column p_usage_column of feature_usage, by default named like the feature; the limit is the column p_limit_column of plan_limits, by default named like the counter with _limit appended. Both are bigint; the limit is 0 on every plan until you set it, so that a new feature is blocked. The increment is increment_<counter>(p_user_id, p_count, p_period). p_period is hour, day, week, month, year or total, or billing_week, billing_month or billing_year, which begin at period_anchor. Calling it again with the same definition changes nothing. For the owner of the extension. Errors: 22004 for a NULL, 22023 for an unusable name or period, 42710 if it is registered with another definition, 42804 if a column of that name has another type, 23514 if it has negative values, 42723 if another function has the name of the increment, 42P01 if a table is missing.';

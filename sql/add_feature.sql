-- Registering a feature of the app's own.

CREATE FUNCTION @extschema@.add_feature(
    p_feature_type text, p_period text, p_usage_column text DEFAULT NULL, p_limit_column text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    usage_name constant text := coalesce(p_usage_column, p_feature_type);
    limit_name constant text := coalesce(p_limit_column, coalesce(p_usage_column, p_feature_type) || '_limit');
    checked record;
    existing @extschema@.usage_features;
BEGIN
    IF p_feature_type IS NULL OR p_period IS NULL THEN
        RAISE EXCEPTION '% must not be null', CASE WHEN p_feature_type IS NULL THEN 'p_feature_type' ELSE 'p_period' END
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass the feature type, and day or month as its period.';
    ELSIF p_period NOT IN ('day', 'month') THEN
        RAISE EXCEPTION 'unknown kind of period "%"', left(p_period, 64)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The kinds of period are day and month.';
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
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Choose another name.';
        END IF;
    END LOOP;

    LOCK TABLE @extschema@.usage_features IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO existing FROM @extschema@.usage_features AS f
     WHERE f.feature_type = p_feature_type OR f.usage_column = usage_name
        -- get_user_limits() names a limit without its suffix.
        OR regexp_replace(f.limit_column, '_limit$', '') = regexp_replace(limit_name, '_limit$', '')
     ORDER BY f.feature_type = p_feature_type DESC LIMIT 1;
    IF existing.feature_type IS NULL THEN
        INSERT INTO @extschema@.usage_features (feature_type, usage_column, limit_column, period)
        VALUES (p_feature_type, usage_name, limit_name, p_period);
    ELSIF (existing.feature_type, existing.usage_column, existing.limit_column, existing.period)
          <> (p_feature_type, usage_name, limit_name, p_period) THEN
        RAISE EXCEPTION 'feature % is registered in another way', existing.feature_type
            USING ERRCODE = 'duplicate_object',
                  DETAIL = format('It counts into %s, is limited by %s and has the period %s.',
                                  existing.usage_column, existing.limit_column, existing.period),
                  HINT = 'Choose another name, or pass the same definition.';
    END IF;
    PERFORM @extschema@.feature_usage_setup();
END
$function$;

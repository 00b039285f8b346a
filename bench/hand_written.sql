-- Hand-written functions for comparison: the upsert, the check and the summary, with the statements
-- that Supabase applications use. Like theirs, the check inserts the row of the period, and all are
-- SECURITY DEFINER.

-- What a call costs that does nothing.
CREATE FUNCTION nothing() RETURNS integer LANGUAGE sql STABLE AS $$ SELECT 1 $$;

CREATE FUNCTION hand_increment_images_generated(p_user_id uuid, p_count integer, p_period text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO feature_usage (user_id, period, images_generated, updated_at)
    VALUES (p_user_id, p_period, p_count, now())
    ON CONFLICT (user_id, period) DO UPDATE
    SET images_generated = feature_usage.images_generated + p_count, updated_at = now();
END
$$;

CREATE FUNCTION hand_check_feature_limit(
    p_user_id uuid, p_feature_type text, p_requested_amount integer DEFAULT 1, p_period text DEFAULT NULL
) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    plan text;
    active boolean;
    state text;
    trial_end timestamptz;
    usage_column text;
    limit_column text;
    usage_period text;
    plan_limit integer;
    used integer;
BEGIN
    SELECT plan_id, is_active, status, trial_end_date INTO plan, active, state, trial_end
      FROM user_plans WHERE user_id = p_user_id;
    plan := coalesce(plan, 'free');
    IF plan = 'free' AND trial_end IS NOT NULL AND now() > trial_end THEN
        RETURN jsonb_build_object('allowed', false, 'reason', 'Trial expired', 'error_code', 'TRIAL_EXPIRED');
    END IF;
    IF plan <> 'free' AND (NOT active OR state NOT IN ('active', 'trialing')) THEN
        RETURN jsonb_build_object('allowed', false, 'reason', 'No active subscription', 'error_code', 'NO_SUBSCRIPTION');
    END IF;

    CASE p_feature_type
        WHEN 'voice_seconds' THEN
            limit_column := 'voice_seconds_limit';
            usage_column := 'voice_seconds';
            usage_period := coalesce(p_period, to_char(now(), 'YYYY-MM'));
        WHEN 'image_generation' THEN
            limit_column := 'image_generation_daily_limit';
            usage_column := 'images_generated';
            usage_period := coalesce(p_period, to_char(now(), 'YYYY-MM-DD'));
        ELSE
            RETURN jsonb_build_object('allowed', false, 'reason', 'Unknown feature', 'error_code', 'INVALID_FEATURE');
    END CASE;

    EXECUTE format('SELECT %I FROM plan_limits WHERE plan_id = $1 AND is_active = true', limit_column)
       INTO plan_limit USING plan;
    IF plan_limit IS NULL THEN
        RETURN jsonb_build_object('allowed', true, 'limit', NULL, 'remaining', NULL, 'is_unlimited', true);
    END IF;

    INSERT INTO feature_usage (user_id, period) VALUES (p_user_id, usage_period)
    ON CONFLICT (user_id, period) DO NOTHING;
    EXECUTE format('SELECT coalesce(%I, 0) FROM feature_usage WHERE user_id = $1 AND period = $2', usage_column)
       INTO used USING p_user_id, usage_period;

    IF used + p_requested_amount > plan_limit THEN
        RETURN jsonb_build_object('allowed', false, 'limit', plan_limit, 'current_usage', used,
            'remaining', greatest(0, plan_limit - used), 'error_code', 'LIMIT_EXCEEDED',
            'reason', format('%s limit exceeded (%s/%s)', p_feature_type, used, plan_limit));
    END IF;
    RETURN jsonb_build_object('allowed', true, 'limit', plan_limit, 'current_usage', used,
        'remaining', plan_limit - used - p_requested_amount, 'is_unlimited', false);
END
$$;

-- A leaner, read-only check, as a careful developer would write it. It still needs dynamic SQL.
CREATE FUNCTION hand_check_reading_only(
    p_user_id uuid, p_feature_type text, p_requested_amount integer DEFAULT 1, p_period text DEFAULT NULL
) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
    plan text;
    active boolean;
    state text;
    trial_end timestamptz;
    plan_limit integer;
    used integer;
BEGIN
    SELECT plan_id, is_active, status, trial_end_date INTO plan, active, state, trial_end
      FROM user_plans WHERE user_id = p_user_id;
    plan := coalesce(plan, 'free');
    IF plan = 'free' AND now() > trial_end THEN
        RETURN jsonb_build_object('allowed', false, 'reason', 'Trial expired', 'error_code', 'TRIAL_EXPIRED');
    END IF;
    IF plan <> 'free' AND (NOT active OR state NOT IN ('active', 'trialing')) THEN
        RETURN jsonb_build_object('allowed', false, 'reason', 'No active subscription', 'error_code', 'NO_SUBSCRIPTION');
    END IF;
    EXECUTE format('SELECT %I FROM plan_limits WHERE plan_id = $1 AND is_active', 'image_generation_daily_limit')
       INTO plan_limit USING plan;
    EXECUTE format('SELECT %I FROM feature_usage WHERE user_id = $1 AND period = $2', 'images_generated')
       INTO used USING p_user_id, p_period;
    used := coalesce(used, 0);
    RETURN jsonb_build_object('allowed', used + p_requested_amount <= plan_limit, 'limit', plan_limit,
        'current_usage', used, 'remaining', greatest(0, plan_limit - used - p_requested_amount), 'is_unlimited', false);
END
$$;

-- The data of a usage page: the plan's limits, and the usage of today and this month.
CREATE FUNCTION hand_get_user_limits(p_user_id uuid) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
    plan text;
    limits plan_limits;
    today feature_usage;
    this_month feature_usage;
BEGIN
    SELECT plan_id INTO plan FROM user_plans WHERE user_id = p_user_id;
    SELECT * INTO limits FROM plan_limits WHERE plan_id = coalesce(plan, 'free') AND is_active;
    SELECT * INTO today FROM feature_usage
     WHERE user_id = p_user_id AND period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD');
    SELECT * INTO this_month FROM feature_usage
     WHERE user_id = p_user_id AND period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM');
    RETURN jsonb_build_object(
        'limits', jsonb_build_object(
            'plan_id', limits.plan_id, 'plan_name', limits.plan_name,
            'voice_seconds', limits.voice_seconds_limit, 'image_generation_daily', limits.image_generation_daily_limit,
            'therai_calls', limits.therai_calls_limit, 'insights', limits.insights_limit,
            'chat_messages_daily', limits.chat_messages_daily_limit,
            'features', jsonb_build_object(
                'together_mode', limits.has_together_mode, 'voice_mode', limits.has_voice_mode,
                'image_generation', limits.has_image_generation, 'priority_support', limits.has_priority_support,
                'early_access', limits.has_early_access)),
        'usage', jsonb_build_object(
            'voice_seconds', coalesce(this_month.voice_seconds, 0),
            'insights_count', coalesce(this_month.insights_count, 0),
            'images_generated', coalesce(today.images_generated, 0),
            'chat_messages', coalesce(today.chat_messages, 0),
            'therai_calls', coalesce(today.therai_calls, 0)));
END
$$;

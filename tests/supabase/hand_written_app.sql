-- An application before the takeover: hand-written functions, subscriptions in profiles, and a log
-- with one row per image. Its functions answer like the extension's.
SET ROLE postgres;

CREATE TABLE public.profiles (
    id uuid PRIMARY KEY REFERENCES auth.users (id) ON DELETE CASCADE,
    display_name text,
    subscription_plan text,
    subscription_active boolean,
    subscription_status text,
    trial_end_date timestamptz
);
ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Users can view own profile" ON public.profiles FOR SELECT TO authenticated USING (id = (SELECT auth.uid()));
REVOKE ALL ON public.profiles FROM anon, authenticated;
GRANT SELECT ON public.profiles TO authenticated;

CREATE TABLE public.plan_limits (
    plan_id text PRIMARY KEY,
    plan_name text NOT NULL,
    voice_seconds_limit integer,
    insights_limit integer,
    therai_calls_limit integer,
    chat_messages_daily_limit integer,
    image_generation_daily_limit integer,
    has_together_mode boolean DEFAULT false,
    has_voice_mode boolean DEFAULT false,
    has_image_generation boolean DEFAULT true,
    has_priority_support boolean DEFAULT false,
    has_early_access boolean DEFAULT false,
    is_active boolean DEFAULT true
);
ALTER TABLE public.plan_limits ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Anyone can view plans" ON public.plan_limits FOR SELECT USING (true);

CREATE TABLE public.feature_usage (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
    period text NOT NULL,
    voice_seconds integer DEFAULT 0,
    insights_count integer DEFAULT 0,
    therai_calls integer,
    chat_messages integer DEFAULT 0,
    note text,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    UNIQUE (user_id, period)
);
ALTER TABLE public.feature_usage ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Users can view own usage" ON public.feature_usage FOR SELECT USING (user_id = auth.uid());

CREATE TABLE public.image_generation_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
    prompt text,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION public.increment_voice_seconds(p_user_id uuid, p_seconds integer, p_period text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO feature_usage AS u (user_id, period, voice_seconds) VALUES (p_user_id, p_period, p_seconds)
    ON CONFLICT (user_id, period) DO UPDATE SET voice_seconds = coalesce(u.voice_seconds, 0) + p_seconds, updated_at = now()
$$;
CREATE FUNCTION public.increment_insights_count(p_user_id uuid, p_count integer, p_period text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO feature_usage AS u (user_id, period, insights_count) VALUES (p_user_id, p_period, p_count)
    ON CONFLICT (user_id, period) DO UPDATE SET insights_count = coalesce(u.insights_count, 0) + p_count, updated_at = now()
$$;
CREATE FUNCTION public.increment_therai_calls(p_user_id uuid, p_calls integer, p_period text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO feature_usage AS u (user_id, period, therai_calls) VALUES (p_user_id, p_period, p_calls)
    ON CONFLICT (user_id, period) DO UPDATE SET therai_calls = coalesce(u.therai_calls, 0) + p_calls, updated_at = now()
$$;
CREATE FUNCTION public.increment_chat_messages(p_user_id uuid, p_count integer, p_period text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO feature_usage AS u (user_id, period, chat_messages) VALUES (p_user_id, p_period, p_count)
    ON CONFLICT (user_id, period) DO UPDATE SET chat_messages = coalesce(u.chat_messages, 0) + p_count, updated_at = now()
$$;

CREATE FUNCTION public.check_feature_limit(
    p_user_id uuid, p_feature_type text, p_requested_amount integer DEFAULT 1, p_period text DEFAULT NULL
) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    profile profiles;
    plan plan_limits;
    usage feature_usage;
    today constant text := to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD');
    allowance integer;
    used integer;
BEGIN
    IF p_feature_type NOT IN ('voice_seconds', 'insights', 'therai_calls', 'chat', 'image_generation') THEN
        RETURN jsonb_build_object('allowed', false, 'reason', 'unknown feature', 'error_code', 'INVALID_FEATURE');
    END IF;
    SELECT * INTO profile FROM profiles WHERE id = p_user_id;
    profile.subscription_plan := coalesce(profile.subscription_plan, 'free');
    IF profile.subscription_plan = 'free' AND profile.trial_end_date < now() THEN
        RETURN jsonb_build_object('allowed', false, 'reason', 'the trial has ended', 'error_code', 'TRIAL_EXPIRED');
    ELSIF profile.subscription_plan <> 'free'
          AND (profile.subscription_active IS NOT TRUE OR profile.subscription_status NOT IN ('active', 'trialing')) THEN
        RETURN jsonb_build_object('allowed', false, 'reason', 'no subscription', 'error_code', 'NO_SUBSCRIPTION');
    END IF;
    SELECT * INTO plan FROM plan_limits WHERE plan_id = profile.subscription_plan AND is_active;

    SELECT * INTO usage FROM feature_usage WHERE user_id = p_user_id
       AND period = CASE WHEN p_feature_type IN ('voice_seconds', 'insights') THEN left(today, 7) ELSE today END;
    CASE p_feature_type
        WHEN 'voice_seconds' THEN used := usage.voice_seconds; allowance := plan.voice_seconds_limit;
        WHEN 'insights' THEN used := usage.insights_count; allowance := plan.insights_limit;
        WHEN 'therai_calls' THEN used := usage.therai_calls; allowance := plan.therai_calls_limit;
        WHEN 'chat' THEN used := usage.chat_messages; allowance := plan.chat_messages_daily_limit;
        ELSE
            allowance := plan.image_generation_daily_limit;
            SELECT count(*) INTO used FROM image_generation_log
             WHERE user_id = p_user_id AND to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') = today;
    END CASE;
    used := coalesce(used, 0);
    IF allowance IS NULL THEN
        RETURN jsonb_build_object('allowed', true, 'limit', NULL, 'current_usage', used, 'remaining', NULL, 'is_unlimited', true);
    ELSIF used + p_requested_amount > allowance THEN
        RETURN jsonb_build_object('allowed', false, 'limit', allowance, 'current_usage', used,
            'remaining', greatest(0, allowance - used), 'is_unlimited', false, 'error_code', 'LIMIT_EXCEEDED',
            'reason', format('%s limit exceeded (%s/%s)', p_feature_type, used, allowance));
    END IF;
    RETURN jsonb_build_object('allowed', true, 'limit', allowance, 'current_usage', used,
        'remaining', allowance - used - p_requested_amount, 'is_unlimited', false);
END
$$;

CREATE FUNCTION public.get_user_limits(p_user_id uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'limits', (
            SELECT jsonb_build_object('plan_id', l.plan_id, 'plan_name', l.plan_name, 'voice_seconds', l.voice_seconds_limit,
                       'image_generation_daily', l.image_generation_daily_limit, 'therai_calls', l.therai_calls_limit,
                       'insights', l.insights_limit, 'chat_messages_daily', l.chat_messages_daily_limit,
                       'features', jsonb_build_object('together_mode', l.has_together_mode, 'voice_mode', l.has_voice_mode,
                           'image_generation', l.has_image_generation, 'priority_support', l.has_priority_support,
                           'early_access', l.has_early_access))
              FROM plan_limits AS l
             WHERE l.is_active
               AND l.plan_id = coalesce((SELECT subscription_plan FROM profiles WHERE id = p_user_id), 'free')),
        'usage', jsonb_build_object(
            'voice_seconds', coalesce((SELECT voice_seconds FROM feature_usage WHERE user_id = p_user_id AND period = left(today, 7)), 0),
            'insights_count', coalesce((SELECT insights_count FROM feature_usage WHERE user_id = p_user_id AND period = left(today, 7)), 0),
            'therai_calls', coalesce((SELECT therai_calls FROM feature_usage WHERE user_id = p_user_id AND period = today), 0),
            'chat_messages', coalesce((SELECT chat_messages FROM feature_usage WHERE user_id = p_user_id AND period = today), 0),
            'images_generated', (SELECT count(*) FROM image_generation_log
                                  WHERE user_id = p_user_id AND to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') = today)))
      FROM to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS today
$$;

-- Plans, users and usage: every kind of subscription, today and earlier.
INSERT INTO public.plan_limits VALUES
    ('free', 'Free', 120, 0, 3, 3, 3, false, true, true, false, false, true),
    ('growth', 'Growth', 3600, 10, 50, 100, 10, true, true, true, false, false, true),
    ('premium', 'Premium', NULL, NULL, NULL, NULL, NULL, true, true, true, true, true, true);

INSERT INTO auth.users (id, email)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'user' || n || '@example.com' FROM generate_series(1, 8) AS n;

-- User 8 has no profile.
INSERT INTO public.profiles (id, subscription_plan, subscription_active, subscription_status, trial_end_date)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, plan, active, status, trial_end
  FROM (VALUES (1, 'free', false, NULL, NULL), (2, 'free', false, NULL, now() - interval '1 day'),
               (3, 'free', false, NULL, now() + interval '1 day'), (4, 'growth', true, 'active', NULL),
               (5, 'growth', true, 'canceled', NULL), (6, 'premium', true, 'trialing', NULL), (7, NULL, NULL, NULL, NULL)
       ) AS profile (n, plan, active, status, trial_end);

INSERT INTO public.feature_usage (user_id, period, voice_seconds, insights_count, therai_calls, chat_messages, note)
SELECT id, period, voice, insights, calls, messages, 'by hand'
  FROM auth.users, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS today,
       LATERAL (VALUES (left(today, 7), 100, 5, NULL, 0), (today, 0, 0, 2, 3), ('2025-02', 245, 5, NULL, 0),
                       ('2025-02-10', NULL, 0, 8, 0)) AS used (period, voice, insights, calls, messages)
 WHERE email <> 'user7@example.com';

-- Images of today, and on both sides of a UTC midnight.
INSERT INTO public.image_generation_log (user_id, prompt, created_at)
SELECT id, 'a cat', made
  FROM auth.users, unnest(ARRAY[now(), now(), '2025-02-10 23:59:59+00'::timestamptz, '2025-02-11 01:00:00+02', '2025-02-11 00:00:00+00']) AS made
 WHERE email <> 'user8@example.com';

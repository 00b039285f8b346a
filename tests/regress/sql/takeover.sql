-- A migration from hand-written PL/pgSQL functions to the extension.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_takeover
\i :dir/begin.sql
-- Before: the application has a table of counts, a table of plans, profiles with each user's plan, a
-- log of images, and functions with the names that clients call.
CREATE TABLE profiles (id uuid PRIMARY KEY, plan_id text, subscription_active boolean, subscription_status text, trial_end_date timestamptz);
CREATE TABLE plan_limits (plan_id text PRIMARY KEY, plan_name text, voice_seconds_limit integer, insights_limit integer, therai_calls_limit integer,
    chat_messages_daily_limit integer, image_generation_daily_limit integer, has_voice_mode boolean DEFAULT false, is_active boolean DEFAULT true);
CREATE TABLE feature_usage (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL, period text NOT NULL,
    voice_seconds integer DEFAULT 0, insights_count integer DEFAULT 0, therai_calls integer, chat_messages integer,
    updated_at timestamptz DEFAULT now(), UNIQUE (user_id, period));
CREATE TABLE image_generation_log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL, created_at timestamptz NOT NULL DEFAULT now());

CREATE FUNCTION increment_voice_seconds(p_user_id uuid, p_seconds integer, p_period text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO feature_usage (user_id, period, voice_seconds) VALUES (p_user_id, p_period, p_seconds)
    ON CONFLICT (user_id, period) DO UPDATE SET voice_seconds = feature_usage.voice_seconds + p_seconds, updated_at = now();
END $$;
CREATE FUNCTION increment_chat_messages(p_user_id uuid, p_count integer, p_period text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO feature_usage (user_id, period, chat_messages) VALUES (p_user_id, p_period, p_count)
    ON CONFLICT (user_id, period) DO UPDATE SET chat_messages = coalesce(feature_usage.chat_messages, 0) + p_count, updated_at = now();
END $$;
CREATE FUNCTION check_feature_limit(p_user_id uuid, p_feature_type text, p_requested_amount integer DEFAULT 1, p_period text DEFAULT NULL)
RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    key text := coalesce(p_period, CASE WHEN p_feature_type IN ('voice_seconds', 'insights') THEN to_char(now(), 'YYYY-MM') ELSE to_char(now(), 'YYYY-MM-DD') END);
    plan plan_limits;
    used integer;
    allowed integer;
BEGIN
    SELECT l.* INTO plan FROM plan_limits AS l WHERE l.plan_id = coalesce((SELECT p.plan_id FROM profiles AS p WHERE p.id = p_user_id), 'free');
    IF p_feature_type = 'image_generation' THEN
        SELECT count(*) INTO used FROM image_generation_log WHERE user_id = p_user_id AND to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') = key;
    ELSE
        EXECUTE format('SELECT %I FROM feature_usage WHERE user_id = $1 AND period = $2',
                       CASE p_feature_type WHEN 'chat' THEN 'chat_messages' WHEN 'insights' THEN 'insights_count' ELSE p_feature_type END)
           INTO used USING p_user_id, key;
    END IF;
    EXECUTE format('SELECT ($1).%I', CASE p_feature_type WHEN 'chat' THEN 'chat_messages_daily_limit'
                   WHEN 'image_generation' THEN 'image_generation_daily_limit' ELSE p_feature_type || '_limit' END) INTO allowed USING plan;
    used := coalesce(used, 0);
    IF allowed IS NULL THEN
        RETURN jsonb_build_object('allowed', true, 'limit', NULL, 'remaining', NULL, 'is_unlimited', true, 'current_usage', used);
    ELSIF used + p_requested_amount > allowed THEN
        RETURN jsonb_build_object('allowed', false, 'limit', allowed, 'current_usage', used, 'remaining', greatest(0, allowed - used),
            'reason', format('%s limit exceeded (%s/%s)', p_feature_type, used, allowed), 'error_code', 'LIMIT_EXCEEDED', 'is_unlimited', false);
    END IF;
    RETURN jsonb_build_object('allowed', true, 'limit', allowed, 'current_usage', used, 'remaining', allowed - used - p_requested_amount, 'is_unlimited', false);
END $$;

-- Existing usage.
INSERT INTO plan_limits VALUES ('free', 'Free', 120, 0, 3, 3, 3, false), ('pro', 'Pro', NULL, 10, 20, NULL, 50, true);
INSERT INTO profiles VALUES
    ('00000000-0000-0000-0000-000000000001', 'free', NULL, NULL, NULL), ('00000000-0000-0000-0000-000000000002', 'pro', true, 'active', NULL);
INSERT INTO feature_usage (user_id, period, voice_seconds, insights_count, therai_calls, chat_messages) VALUES
    ('00000000-0000-0000-0000-000000000001', '2025-02', 100, NULL, NULL, NULL),
    ('00000000-0000-0000-0000-000000000001', '2025-02-10', 0, 0, 2, 3),
    ('00000000-0000-0000-0000-000000000002', '2025-02', 5000, 9, NULL, NULL),
    ('00000000-0000-0000-0000-000000000002', '2025-02-10', 0, 0, 19, 500);
SELECT increment_voice_seconds('00000000-0000-0000-0000-000000000001', 10, '2025-02');
INSERT INTO image_generation_log (user_id, created_at) VALUES
    ('00000000-0000-0000-0000-000000000001', '2025-02-10 08:00:00+00'),
    ('00000000-0000-0000-0000-000000000001', '2025-02-10 23:59:00+00'),
    ('00000000-0000-0000-0000-000000000001', '2025-02-11 00:01:00+00'),
    ('00000000-0000-0000-0000-000000000002', '2025-02-10 12:00:00+00');

-- The old answers, to compare with: every user, every feature, several amounts.
CREATE TABLE question AS
    SELECT p.id AS user_id, f.feature_type, amount, f.period, check_feature_limit(p.id, f.feature_type, amount, f.period) AS answer
      FROM profiles AS p, (VALUES
          ('voice_seconds', '2025-02'),
          ('insights', '2025-02'),
          ('therai_calls', '2025-02-10'),
          ('chat', '2025-02-10'),
          ('image_generation', '2025-02-10'),
          ('image_generation', '2025-02-11')) AS f (feature_type, period),
           (VALUES (0), (1), (2), (15), (100000)
  ) AS a (amount);

-- The migration. Drop the old functions first: CREATE EXTENSION does not replace existing functions. The
-- hint has the statement.
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
SELECT substring(test.hint('CREATE EXTENSION feature_usage') FROM 'DROP .*;') AS drop_functions \gset
BEGIN;
:drop_functions
-- The users' plans stay in profiles.
CREATE VIEW user_plans WITH (security_invoker = on) AS
    SELECT id AS user_id, plan_id, subscription_active AS is_active, subscription_status AS status, trial_end_date FROM profiles;
CREATE EXTENSION feature_usage;
SELECT migrate_image_generation_log(p_drop => true);
COMMIT;

-- After: all counts are kept.
SELECT right(user_id::text, 1) AS user, period, voice_seconds, insights_count, therai_calls, chat_messages, images_generated
  FROM feature_usage ORDER BY user_id, period;
-- Every answer is the same, with more fields.
SELECT count(*) AS asked, count(*) FILTER (WHERE now @> answer) AS same_answer, count(*) FILTER (WHERE now ? 'reset_at') AS with_reset_at
  FROM question AS q, check_feature_limit(q.user_id, q.feature_type, q.amount, q.period) AS now;
-- Client calls are unchanged.
SELECT increment_voice_seconds(p_user_id => '00000000-0000-0000-0000-000000000001', p_seconds => 10, p_period => '2025-02');
SELECT check_feature_limit(p_user_id => '00000000-0000-0000-0000-000000000001', p_feature_type => 'voice_seconds', p_period => '2025-02') ->> 'error_code' AS error_code;
SELECT get_user_limits('00000000-0000-0000-0000-000000000002') #> '{limits,features,voice_mode}' AS voice_mode;
\c :home
DROP DATABASE feature_usage_takeover;

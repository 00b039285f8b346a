-- get_user_limits: a user's plan and usage, for a page that shows both.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_limits
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
-- The current period is the one in which the transaction began, so midnight cannot disturb the test.
BEGIN;
SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS today, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') AS this_month \gset

-- A user without any row: the free plan, and no usage.
SELECT jsonb_pretty(get_user_limits(:user));

-- Usage is that of each feature's own current period. Other periods, and period keys of the other kind,
-- are excluded.
INSERT INTO feature_usage (user_id, period, voice_seconds, insights_count, therai_calls, chat_messages, images_generated) VALUES
    (:user, :'today', 99, 99, 3, 4, 5),
    (:user, :'this_month', 1, 2, 99, 99, 99),
    (:user, '2025-02-10', 99, 99, 99, 99, 99),
    (:user, '2025-02', 99, 99, 99, 99, 99);
SELECT jsonb_pretty(get_user_limits(:user) -> 'usage');
-- The session's time zone does not matter.
SET TIME ZONE 'Pacific/Kiritimati';
SELECT get_user_limits(:user) -> 'usage';
SET TIME ZONE 'Etc/GMT+12';
SELECT get_user_limits(:user) -> 'usage';
RESET TIME ZONE;

-- A plan with everything: NULL is unlimited, and a user-defined has_ column is a feature flag if it is
-- boolean; NULL is false. Other columns are left out.
ALTER TABLE plan_limits ADD has_video boolean, ADD has_maybe boolean, ADD has_notes text, ADD price integer, ADD hasty boolean DEFAULT true;
INSERT INTO plan_limits (plan_id, plan_name, voice_seconds_limit, image_generation_daily_limit, therai_calls_limit, insights_limit,
                         chat_messages_daily_limit, has_together_mode, has_voice_mode, has_video, has_maybe, has_notes, price)
VALUES ('pro', 'Pro', NULL, 50, 20, 10, NULL, true, true, true, NULL, 'a text', 999);
INSERT INTO user_plans VALUES (:user, 'pro', true, 'active', NULL);
SELECT jsonb_pretty(get_user_limits(:user) -> 'limits');

-- A custom feature appears in both parts.
SELECT add_feature('video_minutes', 'month');
UPDATE plan_limits SET video_minutes_limit = 60 WHERE plan_id = 'pro';
SELECT increment_video_minutes(:user, 12, :'this_month');
SELECT answer #> '{limits,video_minutes}', answer #> '{usage,video_minutes}' FROM get_user_limits(:user) AS answer;
SELECT answer #> '{limits,video_minutes}', answer #> '{usage,video_minutes}' FROM get_user_limits('00000000-0000-0000-0000-000000000002') AS answer;

COMMIT;

-- It returns the user's plan even if the subscription is inactive; a check reports that.
UPDATE user_plans SET status = 'canceled';
SELECT get_user_limits(:user) #> '{limits,plan_id}';

-- A plan that is unknown or inactive has no limits: null is not "unlimited" here. Usage is still
-- returned.
UPDATE user_plans SET plan_id = 'gold';
SELECT answer -> 'limits', answer -> 'usage' ? 'images_generated' FROM get_user_limits(:user) AS answer;
UPDATE user_plans SET plan_id = 'pro';
UPDATE plan_limits SET is_active = false WHERE plan_id = 'pro';
SELECT answer -> 'limits', answer -> 'usage' ? 'images_generated' FROM get_user_limits(:user) AS answer;

-- A NULL user, and invalid ones.
SELECT get_user_limits(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT input, test.sqlstate(format('SELECT get_user_limits(%s)', argument))
  FROM (VALUES
    (1, 'empty', ''''''),
    (2, 'SQL', '$$''; DROP TABLE feature_usage; --$$'),
    (3, '10 kB', 'repeat(''a'', 10000)::uuid'),
    (4, 'none', ''),
    (5, 'unknown', '''ffffffff-ffff-ffff-ffff-ffffffffffff''')
  ) AS bad (n, input, argument) ORDER BY n;
\c :home
DROP DATABASE feature_usage_limits;

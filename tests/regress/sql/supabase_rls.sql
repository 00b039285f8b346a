-- Row-level security through the API: a signed-in user reads and checks their own data, and only the
-- server changes anything.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_rls
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
SET ROLE app_owner;
CREATE EXTENSION feature_usage;
SELECT add_feature('video_minutes', 'month');
INSERT INTO auth.users VALUES ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000002');
INSERT INTO plan_limits (plan_id, image_generation_daily_limit, is_active) VALUES ('pro', 50, true), ('old', 5, false);
INSERT INTO user_plans VALUES ('00000000-0000-0000-0000-000000000001', 'pro', true, 'active'), ('00000000-0000-0000-0000-000000000002', 'pro', true, 'active');
-- The server counts.
SET ROLE service_role;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 7, '2025-02-10');
SELECT increment_images_generated('00000000-0000-0000-0000-000000000002', 9, '2025-02-10');
SELECT increment_video_minutes('00000000-0000-0000-0000-000000000002', 5, '2025-02');
SELECT increment_feature_usage('00000000-0000-0000-0000-000000000002', 'chat', 5, '2025-02-10');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000002', 'image_generation', 1, '2025-02-10') ->> 'current_usage' AS current_usage;
SELECT count(*) AS counts FROM feature_usage;
SELECT count(*) AS plans FROM plan_limits;
SELECT count(*) AS features FROM usage_features;

-- User 1 is signed in.
SET ROLE authenticated;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "authenticated"}', false) IS NOT NULL AS is_signed_in;
SELECT right(user_id::text, 1) AS user, period, images_generated FROM feature_usage;
SELECT right(user_id::text, 1) AS user, plan_id FROM user_plans;
SELECT plan_id FROM plan_limits ORDER BY plan_id;
SELECT count(*) AS features FROM usage_features;
SELECT answer ->> 'limit' AS limit, answer ->> 'current_usage' AS current_usage
  FROM check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') AS answer;
SELECT get_user_limits('00000000-0000-0000-0000-000000000001') #>> '{limits,plan_id}' AS plan_id;
-- A check of another user answers as for a user without a plan and without usage.
SELECT answer ->> 'limit' AS limit, answer ->> 'current_usage' AS current_usage
  FROM check_feature_limit('00000000-0000-0000-0000-000000000002', 'image_generation', 1, '2025-02-10') AS answer;
SELECT get_user_limits('00000000-0000-0000-0000-000000000002') #>> '{limits,plan_id}' AS plan_id;
-- Every way to write, with its SQLSTATE: 42501 is insufficient privilege.
SELECT statement, test.sqlstate(statement) FROM (VALUES
    (1,  $$SELECT increment_voice_seconds('00000000-0000-0000-0000-000000000001', 1, '2025-02')$$),
    (2,  $$SELECT increment_insights_count('00000000-0000-0000-0000-000000000001', 1, '2025-02')$$),
    (3,  $$SELECT increment_therai_calls('00000000-0000-0000-0000-000000000001', 1, '2025-02-10')$$),
    (4,  $$SELECT increment_chat_messages('00000000-0000-0000-0000-000000000001', 1, '2025-02-10')$$),
    (5,  $$SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10')$$),
    (6,  $$SELECT increment_feature_usage('00000000-0000-0000-0000-000000000001', 'chat', 1, '2025-02-10')$$),
    (7,  $$SELECT increment_video_minutes('00000000-0000-0000-0000-000000000001', 1, '2025-02')$$),
    (8,  $$UPDATE feature_usage SET images_generated = 0$$),
    (9,  $$DELETE FROM feature_usage$$),
    (10, $$TRUNCATE feature_usage$$),
    (11, $$INSERT INTO feature_usage (user_id, period) VALUES ('00000000-0000-0000-0000-000000000001', '2025-03')$$),
    (12, $$UPDATE user_plans SET plan_id = 'pro'$$),
    (13, $$INSERT INTO plan_limits (plan_id) VALUES ('mine')$$),
    (14, $$UPDATE usage_features SET limit_column = 'display_order'$$),
    (15, $$SELECT add_feature('mine', 'day')$$),
    (16, $$SELECT feature_usage_setup()$$),
    (17, $$SELECT migrate_image_generation_log(true)$$),
    (18, $$SELECT images_generated FROM feature_usage FOR UPDATE$$),
    (19, $$SELECT set_user_plan('00000000-0000-0000-0000-000000000001', 'free')$$)
  ) AS attempts (n, statement) ORDER BY n;

-- Claims without a user, or no claims: no user is signed in.
CREATE FUNCTION pg_temp.rows_with(claims text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', claims, false);
    RETURN (SELECT count(*) FROM feature_usage);
END
$$;
SELECT claims, pg_temp.rows_with(claims) AS rows
  FROM unnest(ARRAY['{"sub": "00000000-0000-0000-0000-000000000002"}', '{}', '', '{"sub": ""}', '{"sub": null}',
                    '{"sub": "ffffffff-ffff-ffff-ffff-ffffffffffff"}']) AS claims;

-- anon reads the plans, for a price list, and nothing else, even with claims.
SET ROLE anon;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "anon"}', false) IS NOT NULL AS has_claims;
SELECT plan_id FROM plan_limits ORDER BY plan_id;
SELECT statement, test.sqlstate(statement) FROM (VALUES
    (1, $$SELECT * FROM feature_usage$$),
    (2, $$SELECT * FROM user_plans$$),
    (3, $$SELECT * FROM usage_features$$),
    (4, $$SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'chat')$$),
    (5, $$SELECT get_user_limits('00000000-0000-0000-0000-000000000001')$$),
    (6, $$SELECT increment_chat_messages('00000000-0000-0000-0000-000000000001', 1, '2025-02-10')$$),
    (7, $$UPDATE plan_limits SET chat_messages_daily_limit = NULL$$),
    (8, $$SELECT add_feature('mine', 'day')$$),
    (9, $$SELECT set_user_plan('00000000-0000-0000-0000-000000000001', 'pro')$$)
  ) AS attempts (n, statement) ORDER BY n;
-- The server may not administer either.
SET ROLE service_role;
SELECT statement, test.sqlstate(statement) FROM (VALUES
    (1, $$SELECT add_feature('mine', 'day')$$),
    (2, $$SELECT feature_usage_setup()$$),
    (3, $$SELECT migrate_image_generation_log(true)$$),
    (4, $$UPDATE usage_features SET limit_column = 'display_order'$$),
    (5, $$UPDATE plan_limits SET chat_messages_daily_limit = 4$$)
  ) AS attempts (n, statement) ORDER BY n;
RESET ROLE;
-- Nothing of what was refused has happened.
SELECT right(user_id::text, 1) AS user, period, images_generated, chat_messages, video_minutes FROM feature_usage ORDER BY user_id, period;
-- A member of service_role does not inherit BYPASSRLS, but gets the same answers.
CREATE ROLE regress_worker;
GRANT service_role TO regress_worker;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') AS of_owner \gset
SET ROLE regress_worker;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') = :'of_owner'::jsonb AS is_the_same;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 0, '2025-02-10');
RESET ROLE;
DROP ROLE regress_worker;
\c :home
DROP DATABASE feature_usage_rls;

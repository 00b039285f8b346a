-- user_plans may be a view over existing tables, so that plans are stored in one place.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_view
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
INSERT INTO plan_limits (plan_id, image_generation_daily_limit) VALUES ('pro', 50);
-- Existing profiles, with other names and types.
CREATE TABLE profiles (id uuid PRIMARY KEY, email text, plan varchar(20), subscribed boolean, subscription_state varchar(20), trial_ends date);
INSERT INTO profiles VALUES
    ('00000000-0000-0000-0000-000000000001', 'a@example.com', 'pro', true, 'active', NULL),
    ('00000000-0000-0000-0000-000000000002', 'b@example.com', 'pro', true, 'past_due', NULL),
    ('00000000-0000-0000-0000-000000000003', 'c@example.com', NULL, NULL, NULL, '2025-01-31'),
    ('00000000-0000-0000-0000-000000000004', 'd@example.com', 'free', NULL, NULL, NULL);

-- The view replaces the table. security_invoker applies the row-level security of profiles to signed-in
-- users.
DROP TABLE user_plans;
CREATE VIEW user_plans WITH (security_invoker = on) AS
    SELECT id AS user_id, plan AS plan_id, subscribed AS is_active, subscription_state AS status, trial_ends AS trial_end_date
      FROM profiles;
SELECT feature_usage_setup();
SELECT right(id::text, 1) AS user, answer ->> 'allowed' AS allowed, answer ->> 'limit' AS limit, answer ->> 'error_code' AS error_code,
       answer ->> 'trial_end_date' AS trial_end_date
  FROM profiles, check_feature_limit(id, 'image_generation', 1, '2025-02-10') AS answer ORDER BY id;
SELECT get_user_limits('00000000-0000-0000-0000-000000000001') #>> '{limits,plan_id}' AS plan_id;
SELECT right(id::text, 1) AS user, answer ->> 'consumed' AS consumed, answer ->> 'limit' AS limit, answer ->> 'error_code' AS error_code
  FROM profiles, consume_feature(id, 'image_generation', 0) AS answer ORDER BY id;
-- A change of the profile applies at once.
UPDATE profiles SET subscription_state = 'active' WHERE right(id::text, 1) = '2';
SELECT check_feature_limit('00000000-0000-0000-0000-000000000002', 'image_generation', 1, '2025-02-10') ->> 'allowed' AS allowed;

-- CREATE EXTENSION accepts such a view, like the setup.
DROP EXTENSION feature_usage;
CREATE EXTENSION feature_usage;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'limit' AS limit;
SELECT name, kind FROM test.relations ORDER BY name;

-- If the view has two rows for a user, every call is an error.
CREATE OR REPLACE VIEW user_plans WITH (security_invoker = on) AS
    SELECT id AS user_id, plan AS plan_id, subscribed AS is_active, subscription_state AS status, trial_ends AS trial_end_date
      FROM profiles, generate_series(1, CASE WHEN right(id::text, 1) = '1' THEN 2 ELSE 1 END);
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT get_user_limits('00000000-0000-0000-0000-000000000001');
\echo :LAST_ERROR_SQLSTATE
SELECT check_feature_limit('00000000-0000-0000-0000-000000000002', 'image_generation', 1, '2025-02-10') ->> 'allowed' AS allowed;
-- Nothing is admitted for such a user: on a first call, with an existing count, or with an idempotency
-- key.
SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'image_generation');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 2, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'));
SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'image_generation', 1, 'k');
\echo :LAST_ERROR_SQLSTATE
SELECT reserve_feature('00000000-0000-0000-0000-000000000001', 'image_generation');
\echo :LAST_ERROR_SQLSTATE
-- The error comes before any denial.
UPDATE profiles SET plan = 'gone' WHERE right(id::text, 1) = '1';
SELECT test.sqlstate($$SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'image_generation')$$);
UPDATE profiles SET plan = 'pro' WHERE right(id::text, 1) = '1';
SELECT images_generated FROM feature_usage ORDER BY user_id;
SELECT count(*) FROM feature_reservations;
SELECT count(*) FROM feature_idempotency_keys;
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000002', 'image_generation'));

-- A view needs all columns, of compatible types; NULLs are allowed.
DROP VIEW user_plans;
CREATE VIEW user_plans WITH (security_invoker = on) AS SELECT id AS user_id, plan AS plan_id FROM profiles;
SELECT feature_usage_setup();
\echo :LAST_ERROR_SQLSTATE
DROP VIEW user_plans;
CREATE VIEW user_plans WITH (security_invoker = on) AS
    SELECT id::text AS user_id, plan AS plan_id, subscribed AS is_active, subscription_state AS status, trial_ends AS trial_end_date FROM profiles;
SELECT feature_usage_setup();
\echo :LAST_ERROR_SQLSTATE
DROP VIEW user_plans;
CREATE VIEW user_plans WITH (security_invoker = on) AS
    SELECT id AS user_id, 'free' AS plan_id, NULL::boolean AS is_active, NULL::text AS status, NULL::timestamptz AS trial_end_date FROM profiles;
SELECT feature_usage_setup();
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'limit' AS limit;
\c :home
DROP DATABASE feature_usage_view;

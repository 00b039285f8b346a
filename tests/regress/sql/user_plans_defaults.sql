-- user_plans: a row that leaves out is_active and status is an active subscription. A NULL that is written
-- means no.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_user_plans_defaults
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
INSERT INTO plan_limits (plan_id, chat_messages_daily_limit) VALUES ('pro', 9);
INSERT INTO user_plans (user_id, plan_id) VALUES ('00000000-0000-0000-0000-000000000001', 'pro');
INSERT INTO user_plans (user_id, plan_id, is_active) VALUES ('00000000-0000-0000-0000-000000000002', 'pro', NULL);
INSERT INTO user_plans (user_id, plan_id, status) VALUES ('00000000-0000-0000-0000-000000000003', 'pro', NULL);
INSERT INTO user_plans (user_id, plan_id, is_active) VALUES ('00000000-0000-0000-0000-000000000004', 'pro', false);
INSERT INTO user_plans (user_id, plan_id, status) VALUES ('00000000-0000-0000-0000-000000000005', 'pro', 'past_due');
INSERT INTO user_plans (user_id) VALUES ('00000000-0000-0000-0000-000000000006');
SELECT set_user_plan('00000000-0000-0000-0000-000000000007', 'pro', NULL) ->> 'is_active' IS NULL AS is_null;
SELECT set_user_plan('00000000-0000-0000-0000-000000000008', 'pro', p_status => NULL) ->> 'status' IS NULL AS is_null;
SELECT right(user_id::text, 1) AS user, plan_id, is_active, status, answer ->> 'limit' AS limit, answer ->> 'error_code' AS error_code
  FROM user_plans, check_feature_limit(user_id, 'chat') AS answer ORDER BY user_id;
DROP EXTENSION feature_usage;

-- The default of each column of the table.
CREATE VIEW test.defaults AS
    SELECT a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type, pg_get_expr(d.adbin, d.adrelid) AS default
      FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = to_regclass('public.user_plans') AND a.attname IN ('is_active', 'status') ORDER BY a.attname;
CREATE PROCEDURE test.start_again() LANGUAGE plpgsql SET client_min_messages = error AS $$
BEGIN
    DROP EXTENSION IF EXISTS feature_usage;
    DROP TABLE IF EXISTS user_plans, feature_usage, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules;
END $$;
CALL test.start_again();

-- An existing table is the app's: it keeps its own defaults, even none, and its rows. Whoever is to be
-- active is written as active.
CREATE TABLE user_plans (user_id uuid PRIMARY KEY, plan_id text, is_active boolean, status text DEFAULT 'incomplete', trial_end_date timestamptz);
INSERT INTO user_plans VALUES ('00000000-0000-0000-0000-000000000001', 'pro', NULL, NULL);
CREATE EXTENSION feature_usage;
INSERT INTO user_plans (user_id, plan_id) VALUES ('00000000-0000-0000-0000-000000000002', 'pro');
SELECT * FROM test.defaults;
SELECT right(user_id::text, 1) AS user, is_active, status, answer ->> 'error_code' AS error_code
  FROM user_plans, check_feature_limit(user_id, 'chat') AS answer ORDER BY user_id;
SELECT count(*) AS locks_needed FROM feature_usage_internal.needed_locks();
CALL test.start_again();

-- So do columns that are added to it: NULL means no.
CREATE TABLE user_plans (user_id uuid PRIMARY KEY, plan_id text);
INSERT INTO user_plans VALUES ('00000000-0000-0000-0000-000000000001', 'pro');
CREATE EXTENSION feature_usage;
INSERT INTO user_plans (user_id, plan_id) VALUES ('00000000-0000-0000-0000-000000000002', 'pro');
SELECT right(user_id::text, 1) AS user, is_active, status, answer ->> 'error_code' AS error_code
  FROM user_plans, check_feature_limit(user_id, 'chat') AS answer ORDER BY user_id;
\c :home
DROP DATABASE feature_usage_user_plans_defaults;

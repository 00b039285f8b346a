-- set_user_plan: sets a user's plan in one step, whatever columns user_plans has.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_plan
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
INSERT INTO plan_limits (plan_id, image_generation_daily_limit, is_active) VALUES ('pro', 50, true), ('old', 5, false);
SELECT set_user_plan(:user, 'pro');
SELECT check_feature_limit(:user, 'image_generation', 1, '2025-02-10') ->> 'limit';
-- The whole row is replaced: missing arguments have their defaults.
SELECT set_user_plan(p_user_id => :user, p_plan_id => 'pro', p_is_active => false, p_status => 'past_due');
SELECT check_feature_limit(:user, 'image_generation', 1, '2025-02-10') ->> 'error_code';
SELECT set_user_plan(:user, 'pro', p_status => 'trialing', p_trial_end_date => '2025-02-10 13:00:00.5+01');
SELECT set_user_plan(:user, 'pro');
SELECT count(*) FROM user_plans;
-- A NULL plan is the free plan; its trial may have ended, or never end.
SET TimeZone = 'Pacific/Kiritimati';
SELECT set_user_plan(:user, NULL, p_trial_end_date => '2025-02-10 12:00:00+00');
SELECT check_feature_limit(:user, 'chat') ->> 'error_code';
RESET TimeZone;
SELECT set_user_plan(:user, NULL, p_trial_end_date => 'infinity');
SELECT set_user_plan(:user, NULL, p_trial_end_date => '-infinity');
SELECT plan_id, trial_end_date FROM user_plans;
-- NULL is inactive: an unknown subscription allows nothing.
SELECT set_user_plan(:user, 'pro', NULL, NULL);
SELECT check_feature_limit(:user, 'chat') ->> 'error_code';
-- An inactive plan can be set; its users are denied.
SELECT set_user_plan(:user, 'old') ->> 'plan_id';
SELECT check_feature_limit(:user, 'chat') ->> 'error_code';

-- Bad input changes nothing.
SELECT test.fingerprint() AS before \gset
SELECT set_user_plan(NULL, 'pro');
\echo :LAST_ERROR_SQLSTATE
SELECT set_user_plan(:user, 'gold');
\echo :LAST_ERROR_SQLSTATE
SELECT input, test.outcome(format('set_user_plan(%L, %L)', :user, input))
  FROM unnest(ARRAY['', ' ', 'PRO', 'pro ', 'Pro', 'free''; DROP TABLE user_plans; --', '%I%s', repeat('x', 100)]) AS input;
SELECT test.outcome('set_user_plan(''not a uuid'', ''pro'')');
SELECT test.outcome(format('set_user_plan(%L, ''pro'', p_trial_end_date => ''soon'')', :user));
BEGIN READ ONLY;
SELECT test.sqlstate(format('SELECT set_user_plan(%L, ''pro'')', :user));
ROLLBACK;
DELETE FROM plan_limits WHERE plan_id = 'free';
SELECT set_user_plan(:user, NULL);
INSERT INTO plan_limits (plan_id) VALUES ('free');
SELECT test.fingerprint() = :'before' AS is_unchanged FROM plan_limits WHERE plan_id = 'none';
SELECT plan_id, is_active, status, trial_end_date FROM user_plans;
-- Without plans, or without tables.
BEGIN;
DELETE FROM plan_limits;
SELECT set_user_plan(:user, 'pro');
ROLLBACK;
BEGIN;
DROP TABLE plan_limits;
SELECT set_user_plan(:user, 'pro');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
ALTER TABLE user_plans DROP COLUMN trial_end_date;
SELECT set_user_plan(:user, 'pro');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
DROP TABLE user_plans;
SELECT set_user_plan(:user, 'pro');
\echo :LAST_ERROR_SQLSTATE

-- Columns of other types: nothing is truncated, and a timestamp without time zone is UTC.
CREATE SCHEMA app;
CREATE TYPE app.plan AS ENUM ('free', 'pro');
CREATE TYPE app.state AS ENUM ('active', 'past_due');
CREATE TABLE user_plans (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL UNIQUE, plan_id app.plan, is_active boolean,
    status app.state, trial_end_date timestamp, note text DEFAULT 'kept');
SELECT feature_usage_setup();
SET TimeZone = 'Pacific/Kiritimati';
SELECT set_user_plan(:user, 'pro', true, 'past_due', '2025-02-10 23:30:00+00');
UPDATE user_plans SET note = 'the app''s own';
SELECT set_user_plan(:user, 'free');
SELECT plan_id, status, trial_end_date, note FROM user_plans;
SELECT test.outcome(format('set_user_plan(%L, ''old'')', :user));
SELECT test.outcome(format('set_user_plan(%L, ''pro'', true, ''trialing'')', :user));
ALTER TABLE user_plans ALTER plan_id TYPE varchar(5), ALTER status TYPE char(8), ALTER trial_end_date TYPE date;
INSERT INTO plan_limits (plan_id) VALUES ('enterprise');
SELECT set_user_plan(:user, 'pro', true, 'trialing', '2025-02-10 23:30:00+00');
SELECT test.outcome(format('set_user_plan(%L, ''enterprise'')', :user));
SELECT test.outcome(format('set_user_plan(%L, ''pro'', true, ''incomplete_expired'')', :user));
RESET TimeZone;
DROP TABLE user_plans;
-- For a view, the application writes to the underlying table itself.
CREATE TABLE profiles (id uuid, plan text);
CREATE VIEW user_plans WITH (security_invoker = on) AS
    SELECT id AS user_id, plan AS plan_id, true AS is_active, 'active' AS status, NULL::timestamptz AS trial_end_date FROM profiles;
SELECT feature_usage_setup();
SELECT set_user_plan(:user, 'pro');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM profiles;
\c :home
DROP DATABASE feature_usage_plan;

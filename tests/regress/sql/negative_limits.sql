-- Limits are never negative: NULL is unlimited, 0 blocks. Where -1 meant unlimited before, taking over
-- says so and changes nothing.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_negative_limits
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
-- The name of the constraint says what to write. (The detail, which is left out here, has the row.)
\set VERBOSITY terse
INSERT INTO plan_limits (plan_id, insights_limit) VALUES ('pro', -1);
\echo :LAST_ERROR_SQLSTATE
UPDATE plan_limits SET voice_seconds_limit = -1;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO plan_limits (plan_id, voice_seconds_limit, insights_limit, therai_calls_limit, chat_messages_daily_limit, image_generation_daily_limit)
VALUES ('all', NULL, NULL, NULL, NULL, NULL), ('none', 0, 0, 0, 0, 0), ('some', NULL, 0, NULL, 7, NULL);
-- Every limit is covered.
SELECT f.limit_column, test.sqlstate(format('UPDATE plan_limits SET %I = -1', f.limit_column)) FROM usage_features AS f ORDER BY 1;

-- add_feature() extends the constraint to the new limit.
CREATE VIEW limit_check AS
    SELECT convalidated AS is_valid, pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE conrelid = 'plan_limits'::regclass AND conname = 'plan_limits_not_negative_null_is_unlimited';
TABLE limit_check;
SELECT add_feature('video', 'day');
TABLE limit_check;
UPDATE plan_limits SET video_limit = -1;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
-- An existing column that becomes a limit must not be negative either.
ALTER TABLE plan_limits ADD exports_limit smallint DEFAULT -1;
SELECT add_feature('exports', 'day');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) AS exports FROM usage_features WHERE feature_type = 'exports';
TABLE limit_check;
UPDATE plan_limits SET exports_limit = NULL;
SELECT add_feature('exports', 'day');
SELECT test.sqlstate('UPDATE plan_limits SET exports_limit = -1');
-- Nothing is missing then, and a second setup changes nothing.
SELECT count(*) AS locks_needed FROM feature_usage_internal.needed_locks();
-- Dropping a limit drops the constraint; the setup restores both. A constraint of the name with another
-- condition is replaced, and one that is not validated is validated.
ALTER TABLE plan_limits DROP exports_limit;
SELECT count(*) AS checks FROM limit_check;
SELECT feature_usage_setup();
TABLE limit_check;
ALTER TABLE plan_limits DROP CONSTRAINT plan_limits_not_negative_null_is_unlimited;
ALTER TABLE plan_limits ADD CONSTRAINT plan_limits_not_negative_null_is_unlimited CHECK (insights_limit >= -5);
UPDATE plan_limits SET insights_limit = -2 WHERE plan_id = 'some';
SELECT feature_usage_setup();
UPDATE plan_limits SET insights_limit = 2 WHERE plan_id = 'some';
SELECT feature_usage_setup();
SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conname = 'plan_limits_not_negative_null_is_unlimited' \gset
ALTER TABLE plan_limits DROP CONSTRAINT plan_limits_not_negative_null_is_unlimited;
ALTER TABLE plan_limits ADD CONSTRAINT plan_limits_not_negative_null_is_unlimited :definition NOT VALID;
SELECT is_valid FROM limit_check;
SELECT feature_usage_setup();
SELECT is_valid FROM limit_check;
DROP VIEW limit_check;
DROP EXTENSION feature_usage;
DROP TABLE plan_limits, user_plans, feature_usage, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules;

-- An existing table in which -1 means unlimited.
CREATE TABLE plan_limits (plan_id text PRIMARY KEY, insights_limit bigint, voice_seconds_limit smallint, price integer);
INSERT INTO plan_limits VALUES ('free', 5, 100, -1), ('pro', -1, 200, 9), ('team', -1, -2, 99);
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
-- Nothing has changed.
SELECT * FROM plan_limits ORDER BY plan_id;
SELECT to_regclass('feature_usage') AS feature_usage, count(*) AS constraints FROM pg_constraint WHERE conrelid = 'plan_limits'::regclass AND contype = 'c';
-- The hint's statements work.
SELECT substring(test.hint('CREATE EXTENSION feature_usage') FROM '(UPDATE .*;)') AS corrections \gset
:corrections
CREATE EXTENSION feature_usage;
SELECT plan_id, insights_limit, voice_seconds_limit, price FROM plan_limits ORDER BY plan_id;
INSERT INTO user_plans (user_id, plan_id) VALUES ('00000000-0000-0000-0000-000000000001', 'pro');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'insights', 1000) ->> 'is_unlimited' AS is_unlimited;
DROP EXTENSION feature_usage;
DROP TABLE plan_limits, user_plans, feature_usage, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules;
-- At most ten plans are listed.
CREATE TABLE plan_limits (plan_id text PRIMARY KEY, insights_limit integer);
INSERT INTO plan_limits SELECT 'plan ' || to_char(n, 'FM00'), -n FROM generate_series(1, 12) AS n;
CREATE EXTENSION feature_usage;
DROP TABLE plan_limits;
-- A view in its place has no constraint: a negative limit in it denies.
CREATE VIEW plan_limits AS
    SELECT 'free' AS plan_id, 'Free' AS plan_name, -1 AS voice_seconds_limit, 0 AS insights_limit, 0 AS therai_calls_limit,
           0 AS chat_messages_daily_limit, 0 AS image_generation_daily_limit, false AS has_together_mode, false AS has_voice_mode,
           false AS has_image_generation, false AS has_priority_support, false AS has_early_access, true AS is_active,
           0 AS display_order, now() AS created_at, now() AS updated_at;
CREATE EXTENSION feature_usage;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'voice_seconds', 0) ->> 'error_code' AS error_code;
\c :home
DROP DATABASE feature_usage_negative_limits;

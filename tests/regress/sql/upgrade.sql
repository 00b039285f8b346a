-- Existing tables are upgraded in place: every row, count and user-defined column is kept. If that is
-- not possible, CREATE EXTENSION fails and changes nothing.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_upgrade
\i :dir/begin.sql
-- Tables as applications have them: no images_generated, counters that may be NULL or are bigint, no
-- unique constraint, user-defined columns, a varchar period, no trial_end_date.
CREATE TABLE feature_usage (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid,
    period varchar(10),
    voice_seconds bigint,
    insights_count integer,
    therai_calls smallint DEFAULT 0,
    chat_messages integer NOT NULL DEFAULT 0,
    note text
);
COMMENT ON COLUMN feature_usage.note IS 'The app''s own.';
INSERT INTO feature_usage (user_id, period, voice_seconds, insights_count, therai_calls, chat_messages, note) VALUES
    ('00000000-0000-0000-0000-000000000001', '2025-02', 2147483647, NULL, NULL, 7, 'kept'),
    ('00000000-0000-0000-0000-000000000002', '2025-02', NULL, 3, 32767, 0, NULL);
CREATE TABLE plan_limits (plan_id varchar(50) PRIMARY KEY, plan_name text, voice_seconds_limit bigint, price integer);
INSERT INTO plan_limits VALUES ('free', 'Gratis', 5000000000, 0), ('pro', 'Pro', NULL, 999);
CREATE TABLE user_plans (user_id uuid UNIQUE NOT NULL, plan_id text, is_active boolean, status varchar(20));
INSERT INTO user_plans VALUES ('00000000-0000-0000-0000-000000000002', 'pro', true, 'active');
CREATE EXTENSION feature_usage;
SELECT id, right(user_id::text, 1) AS user, period, voice_seconds, insights_count, therai_calls, chat_messages, note, images_generated
  FROM feature_usage ORDER BY id;
SELECT plan_id, plan_name, voice_seconds_limit, price, insights_limit, chat_messages_daily_limit, is_active FROM plan_limits ORDER BY plan_id;
SELECT right(user_id::text, 1) AS user, plan_id, is_active, status, trial_end_date FROM user_plans;
SELECT t.name AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null
  FROM test.relations AS t JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE t.name = 'feature_usage' AND a.attname NOT IN ('user_id', 'period') ORDER BY a.attnum;
SELECT conname AS constraint, pg_get_constraintdef(oid) AS definition FROM pg_constraint
 WHERE conrelid = 'feature_usage'::regclass AND contype IN ('p', 'u') ORDER BY conname COLLATE "C";
-- Existing columns keep their comment, or get one.
SELECT col_description('feature_usage'::regclass, attnum) AS comment FROM pg_attribute
 WHERE attrelid = 'feature_usage'::regclass AND attname = 'note';
-- Calls work, even with a limit beyond the range of integer.
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT increment_insights_count('00000000-0000-0000-0000-000000000002', 1, '2025-02');
SELECT insights_count FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000002';
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'voice_seconds', 1, '2025-02') ->> 'remaining' AS remaining;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000002', 'voice_seconds', 1, '2025-02') ->> 'is_unlimited' AS is_unlimited;
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments;

-- A table keeps its own unique key if that is on the user and the period, in either order.
CREATE TABLE feature_usage (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL, period text NOT NULL, UNIQUE (period, user_id));
CREATE EXTENSION feature_usage;
SELECT conname AS constraint, pg_get_constraintdef(oid) AS definition FROM pg_constraint
 WHERE conrelid = 'feature_usage'::regclass AND contype IN ('p', 'u') ORDER BY conname COLLATE "C";
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT images_generated FROM feature_usage;
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments;
-- Unique keys that are not enough: a partial one, and one with a further column.
CREATE TABLE feature_usage (user_id uuid NOT NULL, period text NOT NULL, kind text NOT NULL DEFAULT '', PRIMARY KEY (user_id, period, kind));
CREATE UNIQUE INDEX partial ON feature_usage (user_id, period) WHERE kind = '';
CREATE EXTENSION feature_usage;
SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
 WHERE conrelid = 'feature_usage'::regclass AND contype IN ('p', 'u') ORDER BY 1;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments;
-- Postgres cannot upsert beside a deferrable unique key: either the setup refuses it, or it works.
CREATE TABLE feature_usage (user_id uuid NOT NULL, period text NOT NULL, UNIQUE (user_id, period) DEFERRABLE);
SELECT test.sqlstate('CREATE EXTENSION feature_usage') <> '00000'
    OR test.sqlstate($$SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10')$$) = '00000' AS is_refused_or_works;
SET client_min_messages = error;
DROP EXTENSION IF EXISTS feature_usage;
DROP TABLE IF EXISTS feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments;
RESET client_min_messages;

-- Duplicates must be merged by hand. At most ten are listed.
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds integer);
INSERT INTO feature_usage VALUES
    ('00000000-0000-0000-0000-000000000001', '2025-01', 1),
    ('00000000-0000-0000-0000-000000000001', '2025-02', 1),
    ('00000000-0000-0000-0000-000000000001', '2025-02', 2),
    ('00000000-0000-0000-0000-000000000002', '2025-02', 3),
    ('00000000-0000-0000-0000-000000000002', '2025-02', 3),
    ('00000000-0000-0000-0000-000000000002', '2025-02', 3);
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO feature_usage SELECT '00000000-0000-0000-0000-000000000003', to_char(month, '"2024-"FM00'), 1 FROM generate_series(1, 12) AS month, generate_series(1, 2);
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
-- Nothing has changed.
SELECT count(*) AS rows FROM feature_usage;
SELECT count(*) AS columns FROM pg_attribute WHERE attrelid = 'feature_usage'::regclass AND attnum > 0;
SELECT to_regclass('plan_limits') AS plan_limits, to_regclass('usage_features') AS usage_features;

-- A negative count would allow more than the limit.
TRUNCATE feature_usage;
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-01', -5), ('00000000-0000-0000-0000-000000000002', '2025-01', 5);
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
-- A user-defined CHECK constraint does not replace the extension's, whatever its name.
ALTER TABLE feature_usage ADD CONSTRAINT voice_seconds_not_negative CHECK (voice_seconds >= -100);
SELECT test.sqlstate('CREATE EXTENSION feature_usage');
SET client_min_messages = error;
DROP EXTENSION IF EXISTS feature_usage;
DROP TABLE IF EXISTS plan_limits, user_plans, feature_usage, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments;
RESET client_min_messages;
-- A counter's default becomes 0.
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds integer NOT NULL DEFAULT 5);
CREATE EXTENSION feature_usage;
SELECT increment_insights_count('00000000-0000-0000-0000-000000000001', 1, '2025-02');
SELECT voice_seconds, insights_count FROM feature_usage;
DROP EXTENSION feature_usage;
DROP TABLE plan_limits, user_plans, feature_usage, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments;
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds integer);
-- Rows without a user or a period are refused.
TRUNCATE feature_usage;
INSERT INTO feature_usage VALUES (NULL, '2025-01', 1), ('00000000-0000-0000-0000-000000000002', NULL, 5), ('00000000-0000-0000-0000-000000000002', '2025-01', 5);
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
-- Even if the table has its own unique constraint, which allows NULLs.
ALTER TABLE feature_usage ADD UNIQUE (user_id, period);
SELECT test.sqlstate('CREATE EXTENSION feature_usage');
SET client_min_messages = error;
DROP EXTENSION IF EXISTS feature_usage;
DROP TABLE IF EXISTS feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments;
RESET client_min_messages;

-- A count beyond the range of integer is kept.
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds bigint);
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-01', 2147483648);
CREATE EXTENSION feature_usage;
SELECT voice_seconds FROM feature_usage;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'voice_seconds', 1, '2025-01') ->> 'current_usage' AS current_usage;
DROP EXTENSION feature_usage;
DROP TABLE plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments, feature_usage;
-- Reservations whose primary key is the id alone get the required unique key in addition.
CREATE TABLE feature_reservations (reservation_id uuid PRIMARY KEY, user_id uuid, feature_type text, period text, amount integer, status text, expires_at timestamptz);
CREATE EXTENSION feature_usage;
SELECT conname AS constraint, pg_get_constraintdef(oid) AS definition FROM pg_constraint
 WHERE conrelid = 'feature_reservations'::regclass AND contype IN ('p', 'u') ORDER BY conname COLLATE "C";
SELECT feature_usage_setup();
SELECT count(*) AS keys FROM pg_constraint WHERE conrelid = 'feature_reservations'::regclass AND contype IN ('p', 'u');
DROP EXTENSION feature_usage;
DROP TABLE plan_limits, user_plans, feature_usage, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments;
-- Columns of another type.
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds bigint);
ALTER TABLE feature_usage ALTER voice_seconds TYPE text;
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE feature_usage DROP voice_seconds, ALTER user_id TYPE text;
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE feature_usage ALTER user_id TYPE uuid USING user_id::uuid, ALTER period TYPE date USING '2025-01-01';
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
DROP TABLE feature_usage;
-- The hint has the statement to run, and it works. A numeric counter or limit is not converted unasked.
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds numeric(12, 2) DEFAULT 0);
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02', 90.6);
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
SELECT substring(test.hint('CREATE EXTENSION feature_usage') FROM '(ALTER .*;)') AS correction \gset
:correction
CREATE TABLE plan_limits (plan_id text, voice_seconds_limit numeric);
INSERT INTO plan_limits VALUES ('free', 100);
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
SELECT substring(test.hint('CREATE EXTENSION feature_usage') FROM '(ALTER .*;)') AS correction \gset
:correction
CREATE EXTENSION feature_usage;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'voice_seconds', 1, '2025-02') ->> 'remaining' AS remaining;
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments;
-- The other tables.
CREATE TABLE plan_limits (plan_id text, insights_limit text);
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
DROP TABLE plan_limits;
CREATE TABLE plan_limits (plan_id text);
INSERT INTO plan_limits VALUES ('free'), ('free');
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
DROP TABLE plan_limits;
CREATE TABLE user_plans (user_id uuid, is_active text);
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
DROP TABLE user_plans;
CREATE TABLE user_plans (user_id uuid);
INSERT INTO user_plans VALUES ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000001');
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
DROP TABLE user_plans;

-- The counts must be in a table, not a view.
CREATE VIEW feature_usage AS SELECT gen_random_uuid() AS user_id, '2025-01' AS period;
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
DROP VIEW feature_usage;
CREATE MATERIALIZED VIEW feature_usage AS SELECT gen_random_uuid() AS user_id, '2025-01' AS period;
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
DROP MATERIALIZED VIEW feature_usage;

-- After all these failures, the database is as empty as before.
SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace;
SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace;
\c :home
DROP DATABASE feature_usage_upgrade;

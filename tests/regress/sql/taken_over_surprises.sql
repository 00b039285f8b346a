-- What an app would notice too late after taking over its own tables: CREATE EXTENSION warns of it, or refuses.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_taken_over_surprises
\i :dir/begin.sql
-- Counts in periods of the other kind, or of no kind; a count of 0 there loses nothing.
CREATE TABLE feature_usage (user_id uuid, period date, voice_seconds integer, images_generated integer);
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02-10', 120, 2),
                                 ('00000000-0000-0000-0000-000000000002', '2025-02-10', 0, 3);
CREATE EXTENSION feature_usage;
-- The hint's statement.
ALTER TABLE public.feature_usage ALTER COLUMN period TYPE text USING to_char(period, 'YYYY-MM-DD');
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000003', '2025-02', 7, 1), ('00000000-0000-0000-0000-000000000003', '2025/02', 9, 0);
CREATE EXTENSION feature_usage;
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules;
-- A timestamp, in whatever zone.
CREATE TABLE feature_usage (user_id uuid, period timestamptz, images_generated integer);
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02-10 00:00:00+00', 2);
CREATE EXTENSION feature_usage;
SET TimeZone = 'America/New_York';
ALTER TABLE public.feature_usage ALTER COLUMN period TYPE text USING to_char(period AT TIME ZONE 'UTC', 'YYYY-MM-DD');
RESET TimeZone;
CREATE EXTENSION feature_usage;
SELECT period, images_generated FROM feature_usage;
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules;

-- One row per feature, and one row per user.
CREATE TABLE feature_usage (user_id uuid, feature text NOT NULL, period text, count integer NOT NULL, note text NOT NULL DEFAULT '', PRIMARY KEY (user_id, feature, period));
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', 'chat', '2025-02-10', 3);
CREATE EXTENSION feature_usage;
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules;
CREATE TABLE feature_usage (user_id uuid PRIMARY KEY, period text);
CREATE EXTENSION feature_usage;
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules;

-- No plan for users without one.
CREATE TABLE plan_limits (plan_id text PRIMARY KEY, voice_seconds_limit integer NOT NULL DEFAULT -1);
INSERT INTO plan_limits VALUES ('basic', -1);
CREATE EXTENSION feature_usage;
-- The hint's statements.
ALTER TABLE public.plan_limits ALTER COLUMN voice_seconds_limit DROP NOT NULL; ALTER TABLE public.plan_limits ALTER COLUMN voice_seconds_limit SET DEFAULT 0; UPDATE public.plan_limits SET voice_seconds_limit = NULL WHERE voice_seconds_limit < 0;
CREATE EXTENSION feature_usage;
INSERT INTO plan_limits (plan_id) VALUES ('new');
SELECT plan_id, voice_seconds_limit FROM plan_limits ORDER BY plan_id;

-- Created in another schema, it does not use the counts of before.
DROP EXTENSION feature_usage;
CREATE SCHEMA limits;
CREATE EXTENSION feature_usage WITH SCHEMA limits;
DROP EXTENSION feature_usage;
DROP SCHEMA limits CASCADE;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules;

-- Another table of the same name.
CREATE TABLE plan_limits (id integer PRIMARY KEY, note text);
INSERT INTO plan_limits VALUES (1, 'ours');
CREATE EXTENSION feature_usage;
SELECT * FROM plan_limits;
DROP TABLE plan_limits;

-- A default that does not fit the new type.
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds text DEFAULT '0');
CREATE EXTENSION feature_usage;
ALTER TABLE public.feature_usage ALTER COLUMN voice_seconds DROP DEFAULT, ALTER COLUMN voice_seconds TYPE bigint USING voice_seconds::bigint;
CREATE EXTENSION feature_usage;

-- Several columns of other types are one error.
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys, usage_features, usage_counters, usage_rules;
CREATE TABLE feature_usage (user_id text, period text, voice_seconds numeric DEFAULT 0, images_generated text);
CREATE VIEW user_plans AS SELECT NULL::uuid AS user_id, ''::text AS plan_id, ''::text AS is_active, ''::text AS status, ''::text AS trial_end_date;
CREATE EXTENSION feature_usage;
DROP VIEW user_plans;
DROP TABLE feature_usage;
CREATE EXTENSION feature_usage;

-- A log of images whose columns have other names, and one with rows that cannot be counted, are not dropped.
CREATE TABLE image_generation_log (user_id uuid, generated_at timestamptz);
INSERT INTO image_generation_log VALUES ('00000000-0000-0000-0000-000000000001', '2025-02-10 12:00:00+00');
SELECT migrate_image_generation_log(p_drop => true);
ALTER TABLE public.image_generation_log RENAME COLUMN generated_at TO created_at;
INSERT INTO image_generation_log VALUES (NULL, '2025-02-10 12:00:00+00');
SELECT migrate_image_generation_log(p_drop => true);
SELECT to_regclass('image_generation_log') AS log;
DELETE FROM image_generation_log WHERE NOT counted_in_feature_usage;
SELECT migrate_image_generation_log(p_drop => true);
SELECT to_regclass('image_generation_log') AS log;
SELECT images_generated FROM feature_usage;
\c :home
DROP DATABASE feature_usage_taken_over_surprises;

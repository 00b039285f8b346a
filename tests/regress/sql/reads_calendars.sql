-- The first time zone or anchor makes the calls of all features read them, however it is written.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_reads_calendars
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE VIEW flags AS SELECT count(*) FILTER (WHERE reads_calendars) AS set, count(*) AS of FROM usage_features;
CREATE PROCEDURE forget() LANGUAGE sql AS $$
    DELETE FROM user_plans;
    UPDATE plan_limits SET time_zone = NULL, period_anchor = NULL;
    UPDATE usage_features SET reads_calendars = false;
$$;
-- The day of an instant at which it is the 11th in Kiritimati, and the 10th in UTC.
CREATE FUNCTION day_of(n integer) RETURNS text LANGUAGE sql AS $$ SELECT usage_period(u(n), 'chat', '2025-02-10T12:00:00Z') ->> 'period' $$;

-- Rows without either do not.
INSERT INTO user_plans (user_id, plan_id) VALUES (u(1), 'free');
UPDATE user_plans SET plan_id = 'pro';
INSERT INTO plan_limits (plan_id) VALUES ('pro');
TABLE flags;
SELECT day_of(1);
-- INSERT and UPDATE, of a user and of a plan, a zone and an anchor.
INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES (u(2), 'free', 'Pacific/Kiritimati');
TABLE flags;
SELECT day_of(1), day_of(2);
CALL forget();
SELECT day_of(2);
INSERT INTO user_plans (user_id, plan_id) VALUES (u(3), 'free');
UPDATE user_plans SET time_zone = 'Pacific/Kiritimati';
SELECT set, of, day_of(3) FROM flags;
CALL forget();
INSERT INTO user_plans (user_id, plan_id, period_anchor) VALUES (u(3), 'free', '2025-01-31');
TABLE flags;
CALL forget();
UPDATE plan_limits SET time_zone = 'Pacific/Kiritimati' WHERE plan_id = 'free';
SELECT set, of, day_of(4) FROM flags;
CALL forget();
INSERT INTO plan_limits (plan_id, period_anchor) VALUES ('anchored', '2025-01-31');
TABLE flags;
-- An upsert, COPY, and an apply worker of logical replication.
CALL forget();
INSERT INTO user_plans (user_id, plan_id) VALUES (u(5), 'free');
INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES (u(5), 'free', 'Pacific/Kiritimati') ON CONFLICT (user_id) DO UPDATE SET time_zone = excluded.time_zone;
SELECT set, of, day_of(5) FROM flags;
CALL forget();
COPY user_plans (user_id, plan_id, time_zone) FROM STDIN;
00000000-0000-0000-0000-000000000006	free	Pacific/Kiritimati
\.
SELECT set, of, day_of(6) FROM flags;
CALL forget();
SET session_replication_role = replica;
INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES (u(7), 'free', 'Pacific/Kiritimati');
RESET session_replication_role;
SELECT set, of, day_of(7) FROM flags;

-- It stays, and holds for features that are added later.
DELETE FROM user_plans;
TABLE flags;
SELECT add_feature('video', 'day');
INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES (u(8), 'free', 'Pacific/Kiritimati');
UPDATE plan_limits SET video_limit = 5;
SELECT usage_period(u(8), 'video', '2025-02-10T12:00:00Z') ->> 'period', consume_feature(u(8), 'video') ->> 'period' = to_char(now() AT TIME ZONE 'Pacific/Kiritimati', 'YYYY-MM-DD');
-- set_user_plan() keeps both.
UPDATE user_plans SET period_anchor = '2025-01-31' WHERE user_id = u(8);
SELECT set_user_plan(u(8), 'pro') ->> 'plan_id';
SELECT plan_id, time_zone, period_anchor IS NOT NULL FROM user_plans WHERE user_id = u(8);
-- The setup sets it for what came without the triggers.
CALL forget();
ALTER TABLE plan_limits DISABLE TRIGGER plan_limits_calendars;
UPDATE plan_limits SET time_zone = 'Pacific/Kiritimati' WHERE plan_id = 'free';
SELECT set, of, day_of(9) FROM flags;
SELECT feature_usage_setup();
SELECT set > 0, day_of(9) FROM flags;
SELECT tgenabled FROM pg_trigger WHERE tgname = 'plan_limits_calendars';
\c :home
DROP DATABASE feature_usage_reads_calendars;

-- Time zones and anchors that cannot be used, and views without or with the columns. Nothing is admitted
-- by a wrong calendar; what has happened is counted, by UTC.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_unusable_calendars
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
SELECT add_feature('credits', 'billing_month');
UPDATE plan_limits SET credits_limit = 100, insights_limit = 100;
CREATE PROCEDURE try_all(n integer, feature text) LANGUAGE plpgsql AS $$
DECLARE
    attempt text;
BEGIN
    FOREACH attempt IN ARRAY ARRAY['check_feature_limit(%L, %L)', 'consume_feature(%L, %L)', 'reserve_feature(%L, %L)', 'usage_status(%L, %L)',
                                   'usage_period(%L, %L)', 'get_user_limits(%L)', 'usage_status(%L)', 'increment_feature_usage(%L, %L, 2, ''current'')::text'] LOOP
        RAISE INFO '%: %', split_part(attempt, '(', 1), test.outcome(format('SELECT ' || attempt, u(n), feature));
    END LOOP;
    RAISE INFO 'record_usage: %', test.outcome(format('SELECT record_usage(%L)', jsonb_build_array(jsonb_build_object('user_id', u(n), 'feature_type', feature, 'amount', 4))));
END $$;
\set VERBOSITY terse

-- A zone that Postgres does not know.
INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES (u(1), 'free', 'Europe/Berlim');
CALL try_all(1, 'insights');
-- Increments and batches have counted by UTC, the others nothing.
SELECT period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'), insights_count FROM feature_usage;
SELECT count(*) FROM feature_reservations;
SELECT test.hint($$SELECT consume_feature(u(1), 'insights')$$);
-- An idempotency key is not used up.
SELECT test.outcome($$SELECT consume_feature(u(1), 'insights', 1, 'k')$$);
SELECT count(*) FROM feature_idempotency_keys;
-- Of the plan.
UPDATE user_plans SET time_zone = NULL;
UPDATE plan_limits SET time_zone = 'nowhere';
CALL try_all(1, 'insights');
CALL try_all(2, 'credits');
SELECT right(user_id::text, 1), period = to_char(now() AT TIME ZONE 'UTC', CASE WHEN credits = 0 THEN 'YYYY-MM' ELSE 'YYYY-MM-01"/P1M"' END), insights_count, credits
  FROM feature_usage ORDER BY user_id;
-- The user's own zone is used then.
UPDATE user_plans SET time_zone = 'UTC';
SELECT consume_feature(u(1), 'insights') ->> 'consumed';
-- Features per hour and in total do not depend on it.
SELECT add_feature('calls', 'hour'), add_feature('seats', 'total');
UPDATE plan_limits SET calls_limit = 1, seats_limit = 1;
SELECT consume_feature(u(2), 'calls') ->> 'consumed', consume_feature(u(2), 'seats') ->> 'consumed';
-- Names that are not names of zones.
CREATE FUNCTION zone_outcome(zone text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES (u(3), 'free', zone) ON CONFLICT (user_id) DO UPDATE SET time_zone = excluded.time_zone;
    RETURN left(test.outcome($q$SELECT usage_period(u(3), 'chat')$q$), 60);
END $$;
SELECT zone, zone_outcome(zone) FROM unnest(ARRAY['', ' ', 'utc', 'UTC', 'Etc/UTC', 'europe/berlin', 'CEST', '../../etc/passwd', E'Eur''ope', 'infinity']) AS zone;

-- Anchors outside the years 1 to 9999 are refused by the tables.
UPDATE plan_limits SET time_zone = NULL;
DELETE FROM user_plans;
CREATE FUNCTION anchored(anchor timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    violated text;
BEGIN
    INSERT INTO user_plans (user_id, plan_id, period_anchor) VALUES (u(1), 'free', anchor) ON CONFLICT (user_id) DO UPDATE SET period_anchor = excluded.period_anchor;
    UPDATE plan_limits SET period_anchor = anchor;
    RETURN (usage_period(u(1), 'credits', '2025-02-10T00:00:00Z') ->> 'period');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
    RETURN concat_ws(' ', sqlstate, nullif(violated, ''));
END $$;
SELECT anchor, anchored(anchor) FROM (VALUES
    (1, 'infinity'::timestamptz), (2, '-infinity'), (3, '0044-03-15 00:00:00+00 BC'), (4, '0001-01-01 23:59:59+00'), (5, '0001-01-02 00:00:00+00'),
    (6, '9999-12-30 23:59:59+00'), (7, '9999-12-31 00:00:00+00'), (8, '294276-12-31 00:00:00+00'), (9, NULL), (10, '2030-06-15 00:00:00+00')
  ) AS cases (n, anchor) ORDER BY n;
SELECT test.sqlstate($$UPDATE plan_limits SET period_anchor = 'infinity'$$);

-- Of a view they are refused at the call; what has happened is counted without the anchor.
UPDATE plan_limits SET period_anchor = NULL;
TRUNCATE feature_usage;
DROP TABLE user_plans;
-- As in a new database. No trigger sees what is written behind a view, so a view with the columns is
-- always read.
UPDATE usage_features SET reads_calendars = false;
CREATE TABLE subscriptions (user_id uuid PRIMARY KEY, plan_id text DEFAULT 'free', is_active boolean DEFAULT true, status text DEFAULT 'active', trial_end_date timestamptz,
                            period_anchor timestamptz, time_zone text);
CREATE VIEW user_plans AS SELECT * FROM subscriptions;
SELECT feature_usage_setup();
INSERT INTO subscriptions (user_id, period_anchor) VALUES (u(1), 'infinity'), (u(2), '-infinity'), (u(3), '0044-03-15 BC'), (u(4), '2025-01-31');
SELECT n, test.outcome(format('SELECT consume_feature(u(%s), %L)', n, 'credits')), test.outcome(format('SELECT usage_period(u(%s), %L)', n, 'credits')) FROM generate_series(1, 4) AS n;
CALL try_all(1, 'credits');
SELECT period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-01"/P1M"'), credits FROM feature_usage WHERE user_id = u(1);
-- A view with the columns is read.
SELECT usage_period(u(4), 'credits', '2025-03-01T00:00:00Z') ->> 'period';
UPDATE subscriptions SET time_zone = 'Pacific/Kiritimati' WHERE user_id = u(4);
SELECT usage_period(u(4), 'insights', '2025-02-28T12:00:00Z') ->> 'period', consume_feature(u(4), 'insights') ->> 'period' = usage_period(u(4), 'insights') ->> 'period';
-- A view without them works as before: the plan's are used, else UTC.
DROP VIEW user_plans;
CREATE VIEW user_plans AS SELECT user_id, plan_id, is_active, status, trial_end_date FROM subscriptions;
SELECT feature_usage_setup();
SELECT usage_period(u(4), 'credits', '2025-03-01T00:00:00Z') ->> 'period', consume_feature(u(1), 'credits') ->> 'allowed';
UPDATE plan_limits SET period_anchor = '2025-01-15', time_zone = 'Pacific/Kiritimati';
SELECT usage_period(u(4), 'credits', '2025-03-01T00:00:00Z') ->> 'period', usage_period(u(4), 'insights', '2025-02-28T12:00:00Z') ->> 'period';
-- A view with one of them, and anchors as dates.
DROP VIEW user_plans;
CREATE VIEW user_plans AS SELECT user_id, plan_id, is_active, status, trial_end_date, period_anchor::date AS period_anchor FROM subscriptions WHERE isfinite(period_anchor);
SELECT feature_usage_setup();
SELECT usage_period(u(4), 'credits', '2025-03-01T00:00:00Z') ->> 'period', usage_period(u(4), 'insights', '2025-02-28T12:00:00Z') ->> 'period';
\c :home
DROP DATABASE feature_usage_unusable_calendars;

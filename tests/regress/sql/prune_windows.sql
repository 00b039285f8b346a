-- prune_feature_usage and periods: windows and rates of caps go by themselves once they have ended long
-- ago, counts of the feature's own periods only if asked. What is live is never deleted.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_prune_windows
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION age_of(instant text) RETURNS interval LANGUAGE sql AS $$ SELECT now() - (instant || '+00')::timestamptz $$;
-- Periods of each kind around 10 February 2025, 12:30, a Monday.
CREATE TABLE periods (n serial, period text);
INSERT INTO periods (period) VALUES
    ('2025-02-10T13'), ('2025-02-10T12'), ('2025-02-10T11'), ('2025-02-09T12'), ('2025-02-09T11'),
    ('2025-02-10'), ('2025-02-09'), ('2025-02-08'),
    ('2025-W07'), ('2025-W06'), ('2025-W05'),
    ('2025-02'), ('2025-01'), ('2024-12'),
    ('2025'), ('2024'),
    ('total'),
    -- Taken to be as long as the longest of its kind: 7, 31 and 366 days.
    ('2025-02-04/P1W'), ('2025-02-03/P1W'), ('2025-02-02/P1W'), ('2025-02-01/P1W'),
    ('2025-01-10/P1M'), ('2025-01-09/P1M'), ('2025-01-08/P1M'),
    ('2024-02-10/P1Y'), ('2024-02-09/P1Y'), ('2024-02-08/P1Y');
-- A feature whose own period never ends, so that all others are windows of caps.
SELECT add_feature('in_total', 'total');
CREATE PROCEDURE fill() LANGUAGE sql AS $$
    TRUNCATE usage_counters, feature_usage;
    INSERT INTO usage_counters (user_id, feature_type, period) SELECT u(1), 'in_total', period FROM periods;
    INSERT INTO feature_usage (user_id, period) SELECT u(1), period FROM periods;
$$;
CREATE PROCEDURE note(which text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE periods ADD COLUMN %1$I text; UPDATE periods SET %1$I = CASE WHEN EXISTS (SELECT FROM %2$I AS t WHERE t.period = periods.period) THEN ''stays'' ELSE ''goes'' END',
                   which, CASE WHEN which LIKE 'window%' THEN 'usage_counters' ELSE 'feature_usage' END);
END $$;

-- In UTC, and with a day's margin once there is a time zone or an anchor.
CALL fill();
SELECT prune_feature_usage(age_of('2025-02-10 12:30'));
CALL note('windows');
SELECT prune_feature_usage('1000 years', age_of('2025-02-10 12:30'));
CALL note('counts');
INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES (u(1), 'free', 'Pacific/Niue');
CALL fill();
SELECT prune_feature_usage(age_of('2025-02-10 12:30'));
CALL note('windows_with_zones');
SELECT prune_feature_usage('1000 years', age_of('2025-02-10 12:30'));
CALL note('counts_with_zones');
\pset tuples_only off
SELECT period, windows, counts, windows_with_zones, counts_with_zones FROM periods ORDER BY n;
\pset tuples_only on
-- Without p_periods_older_than no count is deleted, however old it is.
CALL fill();
SELECT prune_feature_usage('0');
SELECT count(*) FROM feature_usage;
SELECT period FROM usage_counters;
-- Names that are no periods stay.
INSERT INTO usage_counters (user_id, feature_type, period) SELECT u(1), 'insights', period FROM unnest(ARRAY['', 'rates/1', '2020-01-01/P2M', '20200', 'Total']) AS period;
SELECT prune_feature_usage('0');
SELECT string_agg(period, ' | ' ORDER BY period COLLATE "C") FROM usage_counters;

-- By default, 7 days after their end. What is current stays, whatever the kind.
UPDATE user_plans SET time_zone = NULL;
UPDATE usage_features SET reads_calendars = false;
TRUNCATE usage_counters;
SELECT add_feature('per_' || kind, kind) IS NOT NULL FROM unnest('{hour,day,week,month,year,total,billing_week,billing_month,billing_year}'::text[]) AS kind;
INSERT INTO usage_counters (user_id, feature_type, period)
SELECT DISTINCT u(1), 'windows_' || feature_type, usage_period(u(1), feature_type, now() - age) ->> 'period'
  FROM usage_features, unnest('{0,6 days 23:00,8 days 1:00}'::interval[]) AS age WHERE feature_type LIKE 'per\_%';
SELECT prune_feature_usage() - 'idempotency_keys' ? 'windows';
SELECT f.feature_type, bool_or(uc.period = usage_period(u(1), f.feature_type) ->> 'period') AS current_stays,
       bool_or(uc.period = usage_period(u(1), f.feature_type, now() - interval '6 days 23:00') ->> 'period') AS week_stays
  FROM usage_counters AS uc JOIN usage_features AS f ON uc.feature_type = 'windows_' || f.feature_type
 GROUP BY f.feature_type ORDER BY f.feature_type COLLATE "C";
SELECT feature_type, period = usage_period(u(1), 'per_hour', now() - interval '8 days 1:00') ->> 'period' AS is_there
  FROM usage_counters WHERE feature_type = 'windows_per_hour' ORDER BY period;
-- What grants and overage covered of a feature's own period goes with its count.
TRUNCATE usage_counters, feature_usage;
INSERT INTO feature_usage (user_id, period) VALUES (u(1), '2020-01'), (u(1), '2020-02');
INSERT INTO usage_counters (user_id, feature_type, period, drawn) VALUES (u(1), 'insights', '2020-01', 1), (u(1), 'insights', '2020-02', 1), (u(1), 'chat', '2020-01', 1);
INSERT INTO feature_reservations (user_id, feature_type, period, amount, status, expires_at, sources) VALUES
    (u(1), 'chat', '2020-02-29', 1, 'reserved', '2020-02-29', '{"paid": {"in": "insights", "period": "2020-02", "units": 1, "cost": 1}}');
SELECT prune_feature_usage();
SELECT feature_type, period FROM usage_counters ORDER BY feature_type, period;
SELECT prune_feature_usage('7 days', '30 days');
SELECT feature_type, period FROM usage_counters ORDER BY feature_type, period;
TRUNCATE feature_reservations;

-- A rate goes when its bucket has been full for long enough. Without a time, its last change counts.
TRUNCATE usage_counters;
INSERT INTO usage_counters (user_id, feature_type, period, tat, updated_at) VALUES
    (u(1), 'insights', 'rate/1', now() - interval '8 days', now()),
    (u(1), 'insights', 'rate/2', now() - interval '6 days', now() - interval '30 days'),
    (u(1), 'insights', 'rate/60', now() + interval '1 minute', now()),
    (u(1), 'insights', 'rate/2678400', now() + interval '31 days', now() - interval '30 days'),
    (u(1), 'insights', 'rate/3', NULL, now() - interval '8 days'),
    (u(1), 'insights', 'rate/4', NULL, now() - interval '6 days');
SELECT prune_feature_usage();
SELECT string_agg(period, ' ' ORDER BY period COLLATE "C") FROM usage_counters;

-- A window that an open reservation of the user and the feature names stays; then it goes too.
TRUNCATE usage_counters;
INSERT INTO usage_counters (user_id, feature_type, period, used)
SELECT u(n), feature_type, '2020-01-01', 5 FROM generate_series(1, 2) AS n, unnest(ARRAY['insights', 'voice_seconds']) AS feature_type;
INSERT INTO usage_counters (user_id, feature_type, period, used) VALUES (u(1), 'insights', '2020-01-02', 5), (u(1), 'insights', '2020-01-01T00', 5), (u(1), 'insights', '2020', 5);
INSERT INTO feature_reservations (user_id, feature_type, period, amount, status, expires_at, sources) VALUES
    (u(1), 'insights', '2020-01', 5, 'reserved', '2020-01-02', '{"windows": [["day", "2020-01-01"], ["hour", "2020-01-01T00"]]}'),
    (u(1), 'insights', '2020-01', 5, 'released', '2020-01-02', '{"windows": [["year", "2020"]]}'),
    (u(2), 'insights', '2020-01', 5, 'reserved', '2020-01-02', NULL);
SELECT prune_feature_usage();
SELECT right(user_id::text, 1), feature_type, period FROM usage_counters ORDER BY user_id, feature_type, period COLLATE "C";
SELECT release_reservation(reservation_id) ->> 'released' FROM feature_reservations WHERE user_id = u(1) AND status = 'reserved';
SELECT period, used FROM usage_counters ORDER BY period COLLATE "C";
SELECT prune_feature_usage();
SELECT count(*) FROM usage_counters;
-- A pruned window begins again: a month as what the counters have.
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per) VALUES ('all', 'insights', 'cap', 10, 'total');
UPDATE plan_limits SET insights_limit = 100;
TRUNCATE feature_usage;
SELECT consume_feature(u(3), 'insights', 4) ->> 'consumed';
SELECT prune_feature_usage('0');
SELECT period, used FROM usage_counters;
DELETE FROM usage_counters;
SELECT test.brief_rules(consume_feature(u(3), 'insights', 5)) -> 'caps';
-- Sources that somebody has written by hand, in whatever form, stop nothing.
SELECT reserve_feature(u(3), 'insights', 1) ->> 'allowed';
CREATE FUNCTION prune_beside(form jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE feature_reservations SET sources = form;
    INSERT INTO usage_counters (user_id, feature_type, period, used) VALUES (u(3), 'insights', '2020-01-01T00', 1);
    RETURN prune_feature_usage() -> 'windows';
END $$;
SELECT form, prune_beside(form::jsonb) FROM unnest(ARRAY['{"windows": 5}', '{"windows": {}}', '{"windows": null}', '[]']) AS form;
DELETE FROM usage_counters;
-- For the owner and the server; there are no windows to name if there were none.
SELECT prune_feature_usage();
\c :home
DROP DATABASE feature_usage_prune_windows;

-- The kinds of period: their keys, when each begins and ends, in which time zone and from which anchor.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_period_kinds
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
-- One feature of each kind.
CREATE TABLE kinds AS
SELECT * FROM unnest(ARRAY['hour', 'day', 'week', 'month', 'year', 'total', 'billing_week', 'billing_month', 'billing_year']) WITH ORDINALITY AS k (kind, n);
SELECT kind, add_feature('per_' || kind, kind) IS NOT NULL AS added FROM kinds ORDER BY n;
SELECT feature_type, usage_column, limit_column, period, is_governed, reads_calendars FROM usage_features WHERE NOT is_builtin ORDER BY feature_type COLLATE "C";
-- Counter and limit are bigint.
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
 WHERE attrelid IN ('feature_usage'::regclass, 'plan_limits'::regclass) AND attname IN ('per_hour', 'per_hour_limit', 'per_billing_year', 'per_billing_year_limit') ORDER BY attname;
-- The increment says which keys it accepts.
SELECT kind, (regexp_match(obj_description(format('increment_per_%s(uuid, integer, text)', kind)::regprocedure), '^[^)]*\)'))[1] FROM kinds ORDER BY n;
-- Other kinds do not exist.
SELECT kind, test.outcome(format('SELECT add_feature(%L, %L)::text', 'other', kind)) FROM unnest(ARRAY['quarter', 'Day', '', 'minute', 'rate', 'period', NULL]) AS kind;
SELECT test.hint($$SELECT add_feature('other', 'quarter')$$);
-- Adding it again as another kind.
SELECT test.outcome($$SELECT add_feature('per_week', 'billing_week')::text$$);

-- The period of an instant: its key, its beginning and its end. Without an anchor the billing kinds begin
-- as the calendar does.
CREATE FUNCTION period_of(n integer, kind text, instant timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', period ->> 'period', coalesce(period ->> 'starts_at', 'null'), coalesce(period ->> 'reset_at', 'null'))
      FROM usage_period(u(n), 'per_' || kind, instant) AS period
$$;
SELECT usage_period(u(1), 'per_day', '2025-02-10T14:30:00Z');
SELECT usage_period(p_user_id => u(1), p_feature_type => 'per_total', p_at => '2025-02-10T14:30:00Z');
SELECT kind, period_of(1, kind, '2025-02-10T14:30:00Z') FROM kinds ORDER BY n;
-- Weeks of ISO 8601: Monday to Sunday, of the year in which their Thursday is.
SELECT instant, period_of(1, 'week', instant) FROM unnest(ARRAY['2024-12-29T23:59:59.999999Z', '2024-12-30T00:00:00Z', '2026-12-31T12:00:00Z', '2027-01-01T00:00:00Z',
       '2027-01-03T23:59:59Z', '2027-01-04T00:00:00Z', '0001-01-08T00:00:00Z', '9999-12-26T00:00:00Z']::timestamptz[]) WITH ORDINALITY AS i (instant, n) ORDER BY n;
-- Leap days, and the ends of months and years.
SELECT kind, instant AT TIME ZONE 'UTC', period_of(1, kind, instant) FROM (VALUES
    (1, 'day', '2024-02-29T00:00:00Z'::timestamptz),
    (2, 'day', '2024-02-28T23:59:59.999999Z'),
    (3, 'month', '2024-02-29T23:59:59.999999Z'),
    (4, 'month', '2024-03-01T00:00:00Z'),
    (5, 'year', '2024-12-31T23:59:59.999999Z'),
    (6, 'year', '2025-01-01T00:00:00Z'),
    (7, 'hour', '2024-02-29T23:59:59.999999Z'),
    (8, 'billing_week', '2025-02-09T23:59:59Z'),
    (9, 'billing_week', '2025-02-10T00:00:00Z'),
    (10, 'billing_month', '1900-02-28T00:00:00Z'),
    (11, 'billing_year', '1999-12-31T00:00:00Z')
  ) AS cases (n, kind, instant) ORDER BY n;

-- Anchors: periods begin on the day of the anchor, always counted from it, clamped to the end of the
-- month. The time of day does not matter.
INSERT INTO user_plans (user_id, plan_id, period_anchor, time_zone) VALUES
    (u(2), 'free', '2025-01-31T18:30:00Z', NULL),
    (u(3), 'free', '2025-01-31T18:30:00Z', 'Asia/Kolkata'),
    (u(4), 'free', '2024-02-29T12:00:00Z', NULL),
    (u(5), 'free', '2025-02-09T23:59:59Z', NULL),
    (u(6), 'free', NULL, 'Europe/Berlin'),
    (u(7), 'free', NULL, 'Pacific/Kiritimati'),
    (u(8), 'free', NULL, 'Pacific/Niue');
SELECT bool_and(reads_calendars) FROM usage_features;
-- Anchored on 31 January, in UTC and in Kolkata, where it is 1 February.
SELECT n, instant AT TIME ZONE 'UTC', period_of(n, 'billing_month', instant) FROM (VALUES
    (1, 2, '2025-01-30T23:59:59.999999Z'::timestamptz),
    (2, 2, '2025-01-31T00:00:00Z'),
    (3, 2, '2025-02-28T00:00:00Z'),
    (4, 2, '2025-03-30T23:59:59.999999Z'),
    (5, 2, '2025-03-31T00:00:00Z'),
    (6, 2, '2025-04-30T00:00:00Z'),
    (7, 2, '2024-02-29T00:00:00Z'),
    (8, 2, '2024-02-28T23:59:59Z'),
    (9, 3, '2025-01-31T18:29:59Z'),
    (10, 3, '2025-01-31T18:30:00Z'),
    (11, 3, '2025-02-28T18:29:59Z'),
    (12, 3, '2025-02-28T18:30:00Z')
  ) AS cases (place, n, instant) ORDER BY place;
-- Anchored on a leap day, and on a Sunday.
SELECT n, kind, instant AT TIME ZONE 'UTC', period_of(n, kind, instant) FROM (VALUES
    (1, 4, 'billing_year', '2024-02-29T00:00:00Z'::timestamptz),
    (2, 4, 'billing_year', '2025-02-27T23:59:59Z'),
    (3, 4, 'billing_year', '2025-02-28T00:00:00Z'),
    (4, 4, 'billing_year', '2028-02-28T23:59:59Z'),
    (5, 4, 'billing_year', '2028-02-29T00:00:00Z'),
    (6, 4, 'billing_year', '2024-02-28T23:59:59Z'),
    (7, 5, 'billing_week', '2025-02-08T23:59:59Z'),
    (8, 5, 'billing_week', '2025-02-09T00:00:00Z'),
    (9, 5, 'billing_week', '2025-02-15T23:59:59Z'),
    (10, 5, 'billing_week', '2025-02-16T00:00:00Z'),
    (11, 5, 'billing_month', '2025-02-10T00:00:00Z')
  ) AS cases (place, n, kind, instant) ORDER BY place;
-- Kinds of the calendar do not know anchors.
SELECT kind, period_of(2, kind, '2025-02-10T14:30:00Z') = period_of(1, kind, '2025-02-10T14:30:00Z') FROM kinds WHERE kind NOT LIKE 'billing%' ORDER BY n;

-- Time zones. In Berlin a day has 23 hours when summer time begins, and 25 when it ends. Hours are in UTC.
SELECT kind, instant AT TIME ZONE 'UTC', period_of(6, kind, instant) FROM (VALUES
    (1, 'day', '2025-03-29T22:59:59.999999Z'::timestamptz),
    (2, 'day', '2025-03-29T23:00:00Z'),
    (3, 'day', '2025-03-30T21:59:59.999999Z'),
    (4, 'day', '2025-03-30T22:00:00Z'),
    (5, 'day', '2025-10-25T22:00:00Z'),
    (6, 'day', '2025-10-26T22:59:59.999999Z'),
    (7, 'day', '2025-10-26T23:00:00Z'),
    (8, 'hour', '2025-03-30T01:30:00Z'),
    (9, 'week', '2025-02-09T23:00:00Z'),
    (10, 'month', '2025-06-30T22:00:00Z'),
    (11, 'year', '2024-12-31T23:00:00Z'),
    (12, 'total', '2024-12-31T23:00:00Z'),
    (13, 'billing_month', '2025-06-30T22:00:00Z')
  ) AS cases (n, kind, instant) ORDER BY n;
-- Two dates at one time: Kiritimati and Niue.
SELECT n, period_of(n, 'day', '2025-02-10T12:00:00Z') FROM generate_series(7, 8) AS n;
-- Where midnight comes twice or never.
UPDATE user_plans SET time_zone = 'America/Havana' WHERE user_id = u(8);
SELECT instant AT TIME ZONE 'UTC', period_of(8, 'day', instant) FROM unnest(ARRAY['2025-03-09T04:59:59Z', '2025-03-09T05:00:00Z', '2025-11-02T03:59:59Z', '2025-11-02T04:00:00Z', '2025-11-02T05:00:00Z', '2025-11-03T05:00:00Z']::timestamptz[]) AS instant;
-- A day that does not exist: Apia skipped 30 December 2011.
UPDATE user_plans SET time_zone = 'Pacific/Apia' WHERE user_id = u(8);
SELECT instant AT TIME ZONE 'UTC', period_of(8, 'day', instant) FROM unnest(ARRAY['2011-12-30T09:59:59Z', '2011-12-30T10:00:00Z']::timestamptz[]) AS instant;

-- The user's own zone and anchor come before those of the plan, each by itself.
INSERT INTO plan_limits (plan_id, period_anchor, time_zone, per_day_limit) VALUES ('zoned', '2025-01-15T12:00:00Z', 'Asia/Kolkata', 5);
INSERT INTO user_plans (user_id, plan_id, period_anchor, time_zone) VALUES
    (u(11), 'zoned', NULL, NULL), (u(12), 'zoned', '2025-01-20T12:00:00Z', NULL), (u(13), 'zoned', NULL, 'UTC'), (u(14), NULL, NULL, 'Asia/Kolkata');
SELECT n, period_of(n, 'billing_month', '2025-02-10T00:00:00Z') FROM generate_series(11, 14) AS n;
-- The session's time zone never matters.
SELECT md5(string_agg(period_of(n, kind, '2025-02-10T23:30:00Z'), '|' ORDER BY n, kind)) AS before FROM generate_series(1, 14) AS n, (SELECT kind FROM kinds) AS k \gset
SET TIME ZONE 'Pacific/Kiritimati';
SELECT md5(string_agg(period_of(n, kind, '2025-02-10T23:30:00Z'), '|' ORDER BY n, kind)) = :'before' FROM generate_series(1, 14) AS n, (SELECT kind FROM kinds) AS k;
SET TIME ZONE 'America/Los_Angeles';
SELECT md5(string_agg(period_of(n, kind, '2025-02-10T23:30:00Z'), '|' ORDER BY n, kind)) = :'before' FROM generate_series(1, 14) AS n, (SELECT kind FROM kinds) AS k;
RESET TIME ZONE;
-- By default it is the period of now.
SELECT usage_period(u(1), 'per_day') ->> 'period' = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD');
-- Whatever is not in the years 1 to 9999 has no period.
SELECT instant, test.outcome(format('SELECT usage_period(u(1), %L, %L)', 'per_year', instant))
  FROM unnest(ARRAY[NULL, 'infinity', '-infinity', '0001-01-01T00:00:00Z', '0001-01-02T00:00:00Z', '0001-12-31 00:00:00 BC', '9999-12-30T23:59:59Z', '9999-12-31T00:00:00Z', '294276-12-31']) AS instant;
SELECT test.outcome($$SELECT usage_period(NULL, 'chat')$$), test.outcome($$SELECT usage_period(u(1), NULL)$$), test.outcome($$SELECT usage_period(u(1), 'videos')$$);

-- Keys: each kind accepts its own form, of a period that exists. 'current' is accepted by all.
UPDATE plan_limits SET per_hour_limit = 9, per_day_limit = 9, per_week_limit = 9, per_month_limit = 9, per_year_limit = 9, per_total_limit = 9,
       per_billing_week_limit = 9, per_billing_month_limit = 9, per_billing_year_limit = 9;
CREATE FUNCTION accepted(n integer, kind text, key text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', test.outcome(format('SELECT check_feature_limit(u(%s), %L, 0, %L)', n, 'per_' || kind, key)),
                     left(test.outcome(format('SELECT increment_feature_usage(u(%s), %L, 0, %L)::text', n, 'per_' || kind, key)), 5))
$$;
SELECT key, string_agg(kind, ' ' ORDER BY n) FILTER (WHERE accepted(1, kind, key) = 'ok ok') AS accepted_by,
       string_agg(DISTINCT accepted(1, kind, key), ', ') FILTER (WHERE accepted(1, kind, key) <> 'ok ok') AS otherwise
  FROM kinds, unnest(ARRAY['2025-02-10T14', '2025-02-10', '2025-W07', '2025-02', '2025', 'total', '2025-02-10/P1W', '2025-02-01/P1M', '2025-01-01/P1Y', 'current',
       '2025-02-10T24', '2025-02-10T1', '2025-02-10 14', '2025-02-10t14', '2025-02-29', '2025-W00', '2025-W53', '2026-W53', '2025-w07', '2025-W7', '2025-13', '0000', '0001', '9999', '20255',
       'Total', 'TOTAL', ' total', 'Current', 'rate/60', '2025-02-30/P1M', '2025-02-01/P1D', '2025-02-01/p1m', '2025-02-01/P2M', '2025-02-10/P1M', '2025-02-11/P1W', '2025-02-01/P1Y']) WITH ORDINALITY AS k (key, place)
 GROUP BY place, key ORDER BY place;
-- The error and the hint of a wrong key of each kind.
SELECT kind, test.outcome(format('SELECT increment_per_%s(u(1), 1, %L)::text', kind, 'soon')), test.hint(format('SELECT increment_per_%s(u(1), 1, %L)', kind, 'soon')) FROM kinds ORDER BY n;
-- A billing period must begin when the periods of the user do.
SELECT n, accepted(n, 'billing_month', '2025-02-28/P1M'), accepted(n, 'billing_month', '2025-02-01/P1M') FROM generate_series(1, 3) AS n;
SELECT test.brief(check_feature_limit(u(2), 'per_billing_month', 1, '2025-02-01/P1M'));
SELECT test.outcome($$SELECT increment_per_billing_month(u(2), 1, '2025-02-01/P1M')::text$$), test.hint($$SELECT increment_per_billing_month(u(2), 1, '2025-02-01/P1M')$$);
SELECT test.outcome(format('SELECT record_usage(%L)', jsonb_build_array(jsonb_build_object('user_id', u(2), 'feature_type', 'per_billing_month', 'amount', 1, 'period', '2025-02-01/P1M'))));
-- A batch goes on counting in a period of an earlier anchor, if there is a row of it.
SELECT increment_per_billing_month(u(2), 1, '2025-02-28/P1M');
UPDATE user_plans SET period_anchor = '2025-02-01' WHERE user_id = u(2);
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(2), 'feature_type', 'per_billing_month', 'amount', 2, 'period', '2025-02-28/P1M')));
SELECT period, per_billing_month FROM feature_usage WHERE user_id = u(2);

-- consume, reserve and increments count in the period of now, of the user's zone and anchor.
TRUNCATE feature_usage;
SELECT of_user, kind, consume_feature(u(of_user), 'per_' || kind) ->> 'period' = usage_period(u(of_user), 'per_' || kind) ->> 'period' AS is_that_period,
       consume_feature(u(of_user), 'per_' || kind) ->> 'current_usage'
  FROM kinds, unnest(ARRAY[1, 2, 3, 7]) AS of_user WHERE kind IN ('day', 'month', 'total', 'billing_week', 'billing_month') ORDER BY of_user, n;
SELECT increment_per_day(u(7), 2, 'current'), record_usage(jsonb_build_array(jsonb_build_object('user_id', u(7), 'feature_type', 'per_day', 'amount', 3),
       jsonb_build_object('user_id', u(7), 'feature_type', 'per_day', 'amount', 1, 'period', 'current')));
SELECT check_feature_limit(u(7), 'per_day') -> 'current_usage', reserve_feature(u(7), 'per_day') ->> 'period' = usage_period(u(7), 'per_day') ->> 'period';
SELECT get_user_limits(u(7)) #> '{usage,per_day}', usage_status(u(7), 'per_day') #> '{features,per_day,current_usage}';
SELECT per_day FROM feature_usage WHERE user_id = u(7) AND period = to_char(now() AT TIME ZONE 'Pacific/Kiritimati', 'YYYY-MM-DD');
-- The windows of caps are in the user's zone and from the user's anchor too.
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per) SELECT 'all', 'per_total', 'cap', 100, kind FROM kinds;
SELECT of_user, consume_feature(u(of_user), 'per_total') ->> 'allowed' FROM unnest(ARRAY[1, 2, 3, 7]) AS of_user;
SELECT of_user, kind, (SELECT count(*) FROM usage_counters AS uc WHERE uc.user_id = u(of_user) AND uc.period = usage_period(u(of_user), 'per_' || kind) ->> 'period')
  FROM kinds, unnest(ARRAY[1, 2, 3, 7]) AS of_user WHERE kind <> 'hour' ORDER BY of_user, n;
-- A user who changes the zone gains one date, and finds the counter of the other again: it is never the
-- same date in Kiritimati and on Niue.
UPDATE plan_limits SET per_day_limit = 3;
INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES (u(20), 'free', 'Pacific/Kiritimati');
SELECT consume_feature(u(20), 'per_day', 3) ->> 'consumed', consume_feature(u(20), 'per_day') ->> 'error_code';
UPDATE user_plans SET time_zone = 'Pacific/Niue' WHERE user_id = u(20);
SELECT consume_feature(u(20), 'per_day', 3) ->> 'consumed', consume_feature(u(20), 'per_day') ->> 'error_code';
UPDATE user_plans SET time_zone = 'Pacific/Kiritimati' WHERE user_id = u(20);
SELECT consume_feature(u(20), 'per_day') ->> 'error_code';
SELECT per_day FROM feature_usage WHERE user_id = u(20);
\c :home
DROP DATABASE feature_usage_period_kinds;

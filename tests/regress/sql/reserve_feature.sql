-- reserve_feature: counts at once, and reserves the amount for work that is slow or may fail.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_reserve
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
UPDATE plan_limits SET insights_limit = 5;

-- The answer of a consume, with the reservation's id and expiry. The time to live is 5 minutes by
-- default, on the server's clock.
SELECT jsonb_pretty(test.brief(reserve_feature(p_user_id => :user, p_feature_type => 'insights', p_amount => 2)));
SELECT (answer ->> 'expires_at')::timestamptz BETWEEN now() + interval '299 seconds' AND clock_timestamp() + interval '5 minutes',
       answer ->> 'expires_at' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$', answer ->> 'reset_at' ~ '^\d{4}-\d\d-01T00:00:00Z$',
       answer ->> 'period' = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'), answer ? 'consumed'
  FROM reserve_feature(:user, 'insights') AS answer;
SELECT (answer ->> 'expires_at')::timestamptz BETWEEN now() + interval '3 hours -1 second' AND clock_timestamp() + interval '3 hours'
  FROM reserve_feature(:user, 'insights', p_ttl => '3 hours') AS answer;
-- The row has the same values.
SELECT feature_type, period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'), amount, status, actual, late, created_at = updated_at,
       expires_at > created_at FROM feature_reservations ORDER BY created_at;
SELECT insights_count, has_reservations FROM feature_usage;
-- A reserved amount counts as used: checks, consumes and reserves include it, and show how much is
-- reserved.
SELECT test.brief(check_feature_limit(:user, 'insights'));
SELECT test.brief(consume_feature(:user, 'insights'));
SELECT test.brief(reserve_feature(:user, 'insights'));
SELECT test.brief(consume_feature(:user, 'insights', 2));
SELECT get_user_limits(:user) #> '{usage,insights_count}';
SELECT count(*) FROM feature_reservations;
-- A denied reserve makes no reservation and has no id; a denied first call inserts no row.
SELECT reserve_feature('00000000-0000-0000-0000-000000000002', 'insights', 6) ?| '{reservation_id,expires_at}';
SELECT count(*) FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000002';

-- Each feature has its own reservations, even if two share a row.
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000003', 'insights', 2));
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000003', 'voice_seconds', 7));
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000003', 'voice_seconds', 1));
SELECT test.brief(check_feature_limit('00000000-0000-0000-0000-000000000003', 'insights', 1));
-- An amount of 0 can be reserved, and committed with the used amount.
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000004', 'insights', 0));
SELECT test.brief(commit_reservation(reservation_id, 3)) FROM feature_reservations WHERE user_id = '00000000-0000-0000-0000-000000000004';

-- A time to live is 1 second to 24 hours, in any units; a month has no fixed length.
SELECT ttl, test.outcome(format('SELECT reserve_feature(%L, ''voice_seconds'', 1, %L)', '00000000-0000-0000-0000-000000000005', ttl))
  FROM (VALUES
    (1, '1 second'),
    (2, '24 hours'),
    (3, '1 day'),
    (4, '1 day -1 second'),
    (5, '0.0166667 minutes'),
    (6, '1.5 seconds'),
    (7, '-1 day +25 hours'),
    (8, NULL),
    (9, '0'),
    (10, '0.999999 seconds'),
    (11, '24:00:00.000001'),
    (12, '1 day 1 second'),
    (13, '-5 minutes'),
    (14, '1 month'),
    (15, '1 month -30 days'),
    (16, '1 year'),
    (17, '-1 month +31 days'),
    (18, '178000000 years'),
    (19, '2147483647 days'),
    (20, '-2147483648 days'),
    (21, '106751991 days'),
    (22, 'soon'),
    (23, '')
  ) AS t (n, ttl) ORDER BY n;
-- Postgres 17 and later have an infinite interval, which is refused; earlier versions cannot parse it.
SELECT test.sqlstate(format('SELECT reserve_feature(%L, ''voice_seconds'', 1, ''infinity'')', :user)) IN ('22007', '22023');
SELECT test.sqlstate(format('SELECT reserve_feature(%L, ''voice_seconds'', 1, ''-infinity'')', :user)) IN ('22007', '22023');
SELECT reserve_feature(:user, 'voice_seconds', p_ttl => '2 days');
\echo :LAST_ERROR_SQLSTATE
SELECT reserve_feature(:user, 'voice_seconds', p_ttl => NULL);
\echo :LAST_ERROR_SQLSTATE
-- Seven of them were valid, and nothing else was counted.
SELECT voice_seconds FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000005';
SELECT count(*) FROM feature_reservations WHERE user_id = '00000000-0000-0000-0000-000000000005';
SELECT voice_seconds FROM feature_usage WHERE user_id = :user;

-- Invalid calls are answered like those of a consume.
SELECT test.brief(reserve_feature(:user, 'videos'));
SELECT test.brief(reserve_feature(:user, NULL));
SELECT test.brief(reserve_feature(:user, 'insights', NULL));
SELECT test.brief(reserve_feature(:user, 'insights', -1));
SELECT reserve_feature(NULL, 'insights');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO plan_limits (plan_id, insights_limit) VALUES ('pro', NULL);
INSERT INTO user_plans VALUES ('00000000-0000-0000-0000-000000000006', 'pro', true, 'active'), ('00000000-0000-0000-0000-000000000007', 'pro', false, 'active');
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000006', 'insights', 2147483647));
SELECT reserve_feature('00000000-0000-0000-0000-000000000006', 'insights');
\echo :LAST_ERROR_SQLSTATE
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000007', 'insights'));
SELECT count(*), sum(amount) FROM feature_reservations WHERE user_id >= '00000000-0000-0000-0000-000000000006';

-- A rollback undoes a reservation.
BEGIN;
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000008', 'insights'));
ROLLBACK;
SELECT count(*) FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000008';
SELECT count(*) FROM feature_reservations WHERE user_id = '00000000-0000-0000-0000-000000000008';
BEGIN READ ONLY;
SELECT reserve_feature(:user, 'voice_seconds');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
\c :home
DROP DATABASE feature_usage_reserve;

-- Reservations are settled in their own period, even after its end: what was reserved before midnight
-- is counted or subtracted in the day before.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_periods
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
UPDATE plan_limits SET chat_messages_daily_limit = 10, insights_limit = 10;
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION id(n integer) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT reservation_id FROM feature_reservations WHERE user_id = u(n) $$;
CREATE VIEW counts AS
    SELECT right(user_id::text, 1) AS user, CASE WHEN period > '2025' THEN 'now' ELSE period END AS period, chat_messages AS chat, insights_count AS insights
      FROM feature_usage ORDER BY user_id, period COLLATE "C";
-- Five users have used 1 and reserved 4 of both features; years later, they use one more.
SELECT count(consume_feature(u(n), feature)), count(reserve_feature(u(n), feature, 4)) FROM generate_series(1, 5) AS n, unnest(ARRAY['chat', 'insights']) AS feature;
UPDATE feature_reservations SET period = CASE feature_type WHEN 'chat' THEN '2020-02-29' ELSE '2020-02' END;
UPDATE feature_usage SET period = CASE length(period) WHEN 7 THEN '2020-02' ELSE '2020-02-29' END;
SELECT count(consume_feature(u(n), feature)) FROM generate_series(1, 5) AS n, unnest(ARRAY['chat', 'insights']) AS feature;
TABLE counts;
-- A reservation of an old period holds nothing of the current one.
SELECT test.brief(check_feature_limit(u(1), 'chat')), test.brief(check_feature_limit(u(1), 'insights', 1, '2020-02'));

-- Committed: the same amount, less and more.
SELECT feature_type, answer ->> 'period', answer ->> 'late', answer ->> 'actual' FROM feature_reservations, commit_reservation(reservation_id) AS answer WHERE user_id = u(1) ORDER BY feature_type;
SELECT count(commit_reservation(reservation_id, 1)) FROM feature_reservations WHERE user_id = u(2);
SELECT count(commit_reservation(reservation_id, 20)) FROM feature_reservations WHERE user_id = u(3);
-- Released.
SELECT feature_type, answer ->> 'period', answer ->> 'released' FROM feature_reservations, release_reservation(reservation_id) AS answer WHERE user_id = u(4) ORDER BY feature_type;
-- Expired: a call in the current period does not subtract it from the old one. A check of the old
-- period excludes it, and the scheduler subtracts it.
UPDATE feature_reservations SET expires_at = now() WHERE user_id = u(5);
SELECT test.brief(consume_feature(u(5), 'chat'));
SELECT test.brief(check_feature_limit(u(5), 'chat', 1, '2020-02-29'));
SELECT * FROM counts WHERE "user" = '5';
SELECT expire_reservations();
TABLE counts;
-- Committed after all that, it is counted in its own period.
SELECT feature_type, answer ->> 'period', answer ->> 'late' FROM feature_reservations, commit_reservation(reservation_id, 3) AS answer WHERE user_id = u(5) ORDER BY feature_type;
SELECT * FROM counts WHERE "user" = '5';
-- Even if the count of that period was deleted.
SELECT reserve_feature(u(6), 'chat', 4) ->> 'allowed';
UPDATE feature_reservations SET period = '2020-02-29', expires_at = now() WHERE user_id = u(6);
SELECT expire_reservations();
SELECT commit_reservation(id(6), 2) ->> 'committed';
SELECT * FROM counts WHERE "user" = '6';
\c :home
DROP DATABASE feature_usage_periods;

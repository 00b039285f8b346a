-- release_reservation: settles a reservation after failure, and subtracts all of it from the counter.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_release
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
UPDATE plan_limits SET insights_limit = 10;
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION id(n integer) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT reservation_id FROM feature_reservations WHERE user_id = u(n) $$;
CREATE VIEW counts AS SELECT right(user_id::text, 2) AS user, insights_count FROM feature_usage ORDER BY user_id;
CREATE VIEW reservations AS SELECT right(user_id::text, 2) AS user, amount, status, actual, late FROM feature_reservations ORDER BY user_id;
SELECT count(reserve_feature(u(n), 'insights', 4)) FROM generate_series(1, 6) AS n;
SELECT count(increment_insights_count(u(n), 2, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'))) FROM generate_series(1, 6) AS n;

SELECT jsonb_pretty(release_reservation(p_reservation_id => id(1)) - '{reservation_id,period}'::text[]);
SELECT answer ->> 'reservation_id' = id(2)::text, answer ->> 'period' = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')
  FROM release_reservation(id(2)) AS answer;
-- Repeating a release returns the same answer, and subtracts nothing. A commit after it is refused.
SELECT test.brief(release_reservation(id(1)));
SELECT jsonb_pretty(commit_reservation(id(1)) - '{reservation_id,period}'::text[]);
SELECT test.brief(commit_reservation(id(1), 0));
-- A release after a commit is refused.
SELECT test.brief(commit_reservation(id(3)));
SELECT jsonb_pretty(release_reservation(id(3)) - '{reservation_id,period}'::text[]);
-- After its expiry: late, and subtracted once, whether the release or the expiry came first.
UPDATE feature_reservations SET expires_at = now() - interval '1 second' WHERE user_id IN (u(4), u(5));
SELECT test.brief(release_reservation(id(4)));
SELECT expire_reservations();
SELECT test.brief(release_reservation(id(5)));
SELECT test.brief(release_reservation(id(5)));
SELECT test.brief(commit_reservation(id(5)));
TABLE counts;
TABLE reservations;
-- There is room again.
SELECT test.brief(consume_feature(u(1), 'insights', 8));

SELECT release_reservation('ffffffff-ffff-ffff-ffff-ffffffffffff');
\echo :LAST_ERROR_SQLSTATE
SELECT release_reservation(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT test.sqlstate($$SELECT release_reservation('mine')$$);

-- No more is subtracted than a deleted or lowered count has.
SELECT test.brief(reserve_feature(u(7), 'insights', 4));
SELECT test.brief(reserve_feature(u(8), 'insights', 4));
DELETE FROM feature_usage WHERE user_id = u(7);
UPDATE feature_usage SET insights_count = 3 WHERE user_id = u(8);
SELECT test.brief(release_reservation(id(7)));
SELECT test.brief(release_reservation(id(8)));
SELECT * FROM counts WHERE "user" >= '07';

-- A rolled back release leaves it open.
BEGIN;
SELECT test.brief(release_reservation(id(6)));
ROLLBACK;
BEGIN READ ONLY;
SELECT release_reservation(id(6));
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT * FROM counts WHERE "user" = '06';
SELECT * FROM reservations WHERE "user" = '06';
\c :home
DROP DATABASE feature_usage_release;

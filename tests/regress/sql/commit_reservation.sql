-- commit_reservation: ends a reservation after success, and counts what was really used.
\getenv dir PG_ABS_SRCDIR
\set home :DBNAME
CREATE DATABASE feature_usage_commit;
\c feature_usage_commit
\set ECHO none
\i :dir/helpers.sql
\set ECHO all
CREATE EXTENSION feature_usage;
\pset tuples_only on
UPDATE plan_limits SET insights_limit = 10;
-- The user's reservation is known by the user here; id gives it.
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION id(n integer) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT reservation_id FROM feature_reservations WHERE user_id = u(n) $$;
CREATE VIEW counts AS SELECT right(user_id::text, 2) AS user, insights_count FROM feature_usage ORDER BY user_id;
CREATE VIEW reservations AS SELECT right(user_id::text, 2) AS user, amount, status, actual, late FROM feature_reservations ORDER BY user_id;
SELECT count(reserve_feature(u(n), 'insights', 4)) FROM generate_series(1, 6) AS n;

-- By default, what was reserved; otherwise less, which gives the rest back; more, which is counted in full,
-- also over the limit; as much; or nothing.
SELECT jsonb_pretty(commit_reservation(p_reservation_id => id(1)) - '{reservation_id,period}'::text[]);
SELECT answer ->> 'reservation_id' = id(2)::text, answer ->> 'period' = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'), test.brief(answer)
  FROM commit_reservation(p_reservation_id => id(2), p_actual => 1) AS answer;
SELECT test.brief(commit_reservation(id(3), 12));
SELECT test.brief(commit_reservation(id(4), 4));
SELECT test.brief(commit_reservation(id(5), 0));
TABLE counts;
TABLE reservations;
-- The next call of the third user is denied: the truth is recorded.
SELECT test.brief(consume_feature(u(3), 'insights'));
SELECT test.brief(check_feature_limit(u(2), 'insights'));

-- The same commit again has the same answer; so has a default and the amount that it stands for.
SELECT test.brief(commit_reservation(id(1)));
SELECT test.brief(commit_reservation(id(1), 4));
SELECT test.brief(commit_reservation(id(2), 1));
SELECT test.brief(commit_reservation(id(4)));
SELECT test.brief(commit_reservation(id(5), 0));
-- Another one is refused, and says what there is. So is a release.
SELECT jsonb_pretty(commit_reservation(id(1), 3) - '{reservation_id,period}'::text[]);
SELECT test.brief(commit_reservation(id(2)));
SELECT test.brief(release_reservation(id(2)));
TABLE counts;

-- After its end, and before anybody has noticed: it counts, and says late; so does the same again.
UPDATE feature_reservations SET expires_at = now() - interval '1 second' WHERE user_id = u(6);
SELECT test.brief(commit_reservation(id(6), 3));
SELECT test.brief(commit_reservation(id(6), 3));
-- After it was given back, it is counted anew.
SELECT count(reserve_feature(u(n), 'insights', 4)) FROM generate_series(7, 9) AS n;
UPDATE feature_reservations SET expires_at = now() - interval '1 second' WHERE user_id >= u(7);
SELECT expire_reservations();
SELECT * FROM counts WHERE "user" >= '07';
SELECT test.brief(commit_reservation(id(7)));
SELECT test.brief(commit_reservation(id(8), 11));
SELECT test.brief(commit_reservation(id(9), 0));
SELECT test.brief(commit_reservation(id(7)));
SELECT * FROM counts WHERE "user" >= '06';
SELECT * FROM reservations WHERE "user" >= '06';

-- Ids that are none, amounts that are none.
SELECT commit_reservation('ffffffff-ffff-ffff-ffff-ffffffffffff');
\echo :LAST_ERROR_SQLSTATE
SELECT commit_reservation(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT commit_reservation(id(1), -1);
\echo :LAST_ERROR_SQLSTATE
SELECT commit_reservation(NULL, -1);
\echo :LAST_ERROR_SQLSTATE
-- So is the id of something else, and what is no id.
SELECT test.sqlstate($$SELECT commit_reservation(id) FROM feature_usage LIMIT 1$$), test.sqlstate($$SELECT commit_reservation(u(1))$$);
SELECT test.sqlstate($$SELECT commit_reservation('mine')$$), test.sqlstate($$SELECT commit_reservation('')$$),
       test.sqlstate($$SELECT commit_reservation(gen_random_uuid(), '1.5')$$), test.sqlstate($$SELECT commit_reservation(gen_random_uuid(), '2147483648')$$);

-- A count that does not fit: nothing of it is kept, and the reservation is still open.
SELECT test.brief(reserve_feature(u(10), 'insights', 2));
SELECT consume_feature(u(10), 'insights', 1) ->> 'consumed';
SELECT commit_reservation(id(10), 2147483647);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM counts WHERE "user" = '10';
SELECT * FROM reservations WHERE "user" = '10';
SELECT test.brief(commit_reservation(id(10), 2147483646));
SELECT * FROM counts WHERE "user" = '10';

-- An open reservation whose count is gone has nothing to give back; what was used more is counted.
SELECT count(reserve_feature(u(n), 'insights', 4)) FROM generate_series(11, 12) AS n;
DELETE FROM feature_usage WHERE user_id >= u(11);
SELECT test.brief(commit_reservation(id(11), 3));
SELECT test.brief(commit_reservation(id(12), 6));
SELECT * FROM counts WHERE "user" >= '11';
-- A count that the owner has lowered keeps what was committed.
SELECT test.brief(reserve_feature(u(13), 'insights', 4));
UPDATE feature_usage SET insights_count = 1 WHERE user_id = u(13);
SELECT test.brief(commit_reservation(id(13), 1));
SELECT * FROM counts WHERE "user" = '13';

-- A commit that is rolled back leaves the reservation open; a READ ONLY transaction commits none.
SELECT test.brief(reserve_feature(u(14), 'insights', 4));
BEGIN;
SELECT test.brief(commit_reservation(id(14), 1));
ROLLBACK;
BEGIN READ ONLY;
SELECT commit_reservation(id(14));
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT * FROM counts WHERE "user" = '14';
SELECT * FROM reservations WHERE "user" = '14';
-- Reserved and committed in one transaction, and in one statement.
BEGIN;
SELECT test.brief(commit_reservation((reserve_feature(u(15), 'insights', 4) ->> 'reservation_id')::uuid, 2));
COMMIT;
SELECT test.brief(commit_reservation((reserve_feature(u(16), 'insights', 4) ->> 'reservation_id')::uuid));
SELECT * FROM counts WHERE "user" >= '15';
\c :home
DROP DATABASE feature_usage_commit;

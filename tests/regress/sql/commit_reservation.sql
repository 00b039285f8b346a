-- commit_reservation: settles a reservation after success, and counts what was really used.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_commit
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
UPDATE plan_limits SET insights_limit = 10;
-- Returns the only reservation of a user.
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION id(n integer) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT reservation_id FROM feature_reservations WHERE user_id = u(n) $$;
CREATE VIEW counts AS SELECT right(user_id::text, 2) AS user, insights_count FROM feature_usage ORDER BY user_id;
CREATE VIEW reservations AS SELECT right(user_id::text, 2) AS user, amount, status, actual, late FROM feature_reservations ORDER BY user_id;
SELECT count(reserve_feature(u(n), 'insights', 4)) FROM generate_series(1, 6) AS n;

-- By default the reserved amount; or less, which releases the rest; or more, which is counted in full
-- even over the limit; or the same amount; or nothing.
SELECT jsonb_pretty(commit_reservation(p_reservation_id => id(1)) - '{reservation_id,period}'::text[]);
SELECT answer ->> 'reservation_id' = id(2)::text, answer ->> 'period' = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'), test.brief(answer)
  FROM commit_reservation(p_reservation_id => id(2), p_actual => 1) AS answer;
SELECT test.brief(commit_reservation(id(3), 12));
SELECT test.brief(commit_reservation(id(4), 4));
SELECT test.brief(commit_reservation(id(5), 0));
TABLE counts;
TABLE reservations;
-- The third user's next call is denied, because all usage is counted.
SELECT test.brief(consume_feature(u(3), 'insights'));
SELECT test.brief(check_feature_limit(u(2), 'insights'));

-- Repeating a commit returns the same answer; the default amount equals the same amount given
-- explicitly.
SELECT test.brief(commit_reservation(id(1)));
SELECT test.brief(commit_reservation(id(1), 4));
SELECT test.brief(commit_reservation(id(2), 1));
SELECT test.brief(commit_reservation(id(4)));
SELECT test.brief(commit_reservation(id(5), 0));
-- A different commit, or a release, is refused, and the answer has the stored result.
SELECT jsonb_pretty(commit_reservation(id(1), 3) - '{reservation_id,period}'::text[]);
SELECT test.brief(commit_reservation(id(2)));
SELECT test.brief(release_reservation(id(2)));
TABLE counts;

-- Expired but still counted: the commit counts and is late; so is its repetition.
UPDATE feature_reservations SET expires_at = now() - interval '1 second' WHERE user_id = u(6);
SELECT test.brief(commit_reservation(id(6), 3));
SELECT test.brief(commit_reservation(id(6), 3));
-- After its expiry has been subtracted, it is counted again.
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

-- Invalid ids and amounts.
SELECT commit_reservation('ffffffff-ffff-ffff-ffff-ffffffffffff');
\echo :LAST_ERROR_SQLSTATE
SELECT commit_reservation(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT commit_reservation(id(1), -1);
\echo :LAST_ERROR_SQLSTATE
SELECT commit_reservation(NULL, -1);
\echo :LAST_ERROR_SQLSTATE
-- The id of something else, and what is not a uuid.
SELECT test.sqlstate($$SELECT commit_reservation(id) FROM feature_usage LIMIT 1$$), test.sqlstate($$SELECT commit_reservation(u(1))$$);
SELECT test.sqlstate($$SELECT commit_reservation('mine')$$), test.sqlstate($$SELECT commit_reservation('')$$),
       test.sqlstate($$SELECT commit_reservation(gen_random_uuid(), '1.5')$$), test.sqlstate($$SELECT commit_reservation(gen_random_uuid(), '2147483648')$$);

-- A count that does not fit: nothing is stored, and the reservation stays open.
SELECT test.brief(reserve_feature(u(10), 'insights', 2));
SELECT consume_feature(u(10), 'insights', 1) ->> 'consumed';
SELECT commit_reservation(id(10), 2147483647);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM counts WHERE "user" = '10';
SELECT * FROM reservations WHERE "user" = '10';
SELECT test.brief(commit_reservation(id(10), 2147483646));
SELECT * FROM counts WHERE "user" = '10';

-- If the count of an open reservation was deleted, nothing is subtracted; usage beyond the reserved
-- amount is counted.
SELECT count(reserve_feature(u(n), 'insights', 4)) FROM generate_series(11, 12) AS n;
DELETE FROM feature_usage WHERE user_id >= u(11);
SELECT test.brief(commit_reservation(id(11), 3));
SELECT test.brief(commit_reservation(id(12), 6));
SELECT * FROM counts WHERE "user" >= '11';
-- If the owner has lowered the count, the committed amount stays counted.
SELECT test.brief(reserve_feature(u(13), 'insights', 4));
UPDATE feature_usage SET insights_count = 1 WHERE user_id = u(13);
SELECT test.brief(commit_reservation(id(13), 1));
SELECT * FROM counts WHERE "user" = '13';

-- A rolled back commit leaves the reservation open; a READ ONLY transaction cannot commit one.
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

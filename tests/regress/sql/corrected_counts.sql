-- If the owner lowers or deletes counts while reservations are open, a release subtracts only its own
-- amount, never what others hold or have used since.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_corrected_counts
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
UPDATE plan_limits SET insights_limit = 20;
CREATE VIEW counted AS SELECT insights_count FROM feature_usage;

-- Two reservations hold 5 each, and 3 are used. The owner lowers the count to the amount of one
-- reservation.
SELECT consume_feature(:user, 'insights', 3) -> 'allowed';
SELECT reserve_feature(:user, 'insights', 5) ->> 'reservation_id' AS first \gset
SELECT reserve_feature(:user, 'insights', 5) ->> 'reservation_id' AS second \gset
TABLE counted;
UPDATE feature_usage SET insights_count = 5;
SELECT release_reservation(:'first') -> 'released';
TABLE counted;
SELECT release_reservation(:'second') -> 'released';
TABLE counted;

-- The same by commits of less, whose used amount stays counted.
SELECT reserve_feature(:user, 'insights', 5) ->> 'reservation_id' AS first \gset
SELECT reserve_feature(:user, 'insights', 5) ->> 'reservation_id' AS second \gset
UPDATE feature_usage SET insights_count = 7;
SELECT commit_reservation(:'first', 1) -> 'committed';
TABLE counted;
SELECT commit_reservation(:'second', 1) -> 'committed';
TABLE counted;

-- By expiry, in the user's next call or the scheduler's; a check answers the same beforehand.
SELECT count(reserve_feature(:user, 'insights', 5)) FROM generate_series(1, 2);
UPDATE feature_usage SET insights_count = 6;
UPDATE feature_reservations SET expires_at = now() WHERE reservation_id = (SELECT reservation_id FROM feature_reservations WHERE status = 'reserved' LIMIT 1);
SELECT test.brief(check_feature_limit(:user, 'insights', 0));
SELECT test.brief(consume_feature(:user, 'insights', 0));
TABLE counted;
UPDATE feature_reservations SET expires_at = now() WHERE status = 'reserved';
SELECT expire_reservations();
TABLE counted;

-- Nothing is subtracted for a deleted row, not even from a row that replaced it and has reservations
-- too.
DELETE FROM feature_usage;
SELECT reserve_feature(:user, 'insights', 5) ->> 'reservation_id' AS old \gset
SELECT reserve_feature(:user, 'insights', 4, '1 second') ->> 'reservation_id' AS expiring \gset
DELETE FROM feature_usage;
SELECT consume_feature(:user, 'insights', 6) -> 'current_usage';
SELECT reserve_feature(:user, 'insights', 2) ->> 'reservation_id' AS new \gset
TABLE counted;
SELECT test.brief(check_feature_limit(:user, 'insights', 0));
SELECT release_reservation(:'old') -> 'released';
TABLE counted;
SELECT pg_sleep(1.1);
SELECT test.brief(consume_feature(:user, 'insights', 0));
SELECT expire_reservations();
TABLE counted;
SELECT release_reservation(:'new') -> 'released';
TABLE counted;
-- A row that was written back without its flag counts no reservation.
DELETE FROM feature_usage;
SELECT reserve_feature(:user, 'insights', 5, '1 second') ->> 'reservation_id' AS old \gset
UPDATE feature_usage SET insights_count = 1, has_reservations = false;
SELECT release_reservation(:'old') -> 'released';
TABLE counted;
SELECT reserve_feature(:user, 'insights', 5, '1 second') -> 'allowed';
UPDATE feature_usage SET insights_count = 2, has_reservations = false;
SELECT pg_sleep(1.1);
SELECT expire_reservations();
TABLE counted;
-- Usage beyond the reserved amount is counted anyway.
SELECT reserve_feature(:user, 'insights', 1) ->> 'reservation_id' AS old \gset
DELETE FROM feature_usage;
SELECT commit_reservation(:'old', 3) -> 'committed';
TABLE counted;
\c :home
DROP DATABASE feature_usage_corrected_counts;

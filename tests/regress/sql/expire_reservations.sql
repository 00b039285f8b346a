-- Reservations that are not settled in time expire: in the user's next call for the feature, or in a
-- scheduler's call of expire_reservations().
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_expire
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
UPDATE plan_limits SET insights_limit = 5;
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE VIEW counts AS SELECT right(user_id::text, 1) AS user, insights_count, voice_seconds FROM feature_usage ORDER BY user_id;
CREATE VIEW reservations AS SELECT right(user_id::text, 1) AS user, feature_type, amount, status, late FROM feature_reservations ORDER BY user_id, feature_type, amount;
-- Three users have reserved 4 insights and 2 seconds of voice. The reservations of insights have
-- expired.
SELECT count(reserve_feature(u(n), 'insights', 3)), count(reserve_feature(u(n), 'insights', 1)), count(reserve_feature(u(n), 'voice_seconds', 2)) FROM generate_series(1, 3) AS n;
UPDATE feature_reservations SET expires_at = now() - amount * interval '1 second' WHERE feature_type = 'insights';

-- A check and the summary exclude them, even in a READ ONLY transaction, but do not change the counter.
BEGIN READ ONLY;
SELECT test.brief(check_feature_limit(u(1), 'insights', 5));
SELECT test.brief(check_feature_limit(u(1), 'insights', 6));
SELECT get_user_limits(u(1)) #> '{usage,insights_count}';
SELECT test.brief(check_feature_limit(u(1), 'voice_seconds'));
ROLLBACK;
TABLE counts;
-- The user's next call expires them: one that fits in any case, one that fits only afterwards, and one
-- that is denied anyway. A reserve does the same as a consume.
SELECT test.brief(consume_feature(u(1), 'insights', 1));
SELECT test.brief(reserve_feature(u(2), 'insights', 4));
SELECT test.brief(consume_feature(u(3), 'insights', 6));
TABLE counts;
TABLE reservations;
-- Nothing is left for the scheduler.
SELECT expire_reservations();

-- The scheduler: the oldest first, up to p_limit (1000 by default), and only expired open ones.
UPDATE feature_reservations SET expires_at = now() - amount * interval '1 second' WHERE status = 'reserved';
SELECT expire_reservations(0);
SELECT expire_reservations(p_limit => 1);
SELECT * FROM reservations WHERE status = 'expired' AND amount IN (2, 4);
SELECT expire_reservations();
SELECT expire_reservations();
TABLE counts;
-- A live reservation stays open.
SELECT test.brief(reserve_feature(u(4), 'insights'));
SELECT expire_reservations();
SELECT test.brief(check_feature_limit(u(4), 'insights'));
-- One second is the shortest time to live.
SELECT test.brief(reserve_feature(u(5), 'insights', 5, '1 second'));
SELECT pg_sleep(1);
SELECT test.brief(consume_feature(u(5), 'insights'));

-- More than 1000 at once.
SELECT count(reserve_feature(u(6), 'voice_seconds', 0)) FROM generate_series(1, 1003);
UPDATE feature_reservations SET expires_at = now() WHERE user_id = u(6);
SELECT expire_reservations();
SELECT expire_reservations();

-- Invalid values of p_limit.
SELECT expire_reservations(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT expire_reservations(-1);
\echo :LAST_ERROR_SQLSTATE
SELECT expire_reservations(2147483647);
-- A READ ONLY transaction cannot expire reservations.
SELECT count(reserve_feature(u(7), 'insights'));
UPDATE feature_reservations SET expires_at = now() WHERE user_id = u(7);
BEGIN READ ONLY;
SELECT expire_reservations();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT expire_reservations();
-- Reservations of a user without a limit expire too.
INSERT INTO plan_limits (plan_id, insights_limit) VALUES ('pro', NULL);
INSERT INTO user_plans VALUES (u(8), 'pro', true, 'active');
SELECT test.brief(reserve_feature(u(8), 'insights', 9));
UPDATE feature_reservations SET expires_at = now() WHERE user_id = u(8);
SELECT test.brief(consume_feature(u(8), 'insights', 0));
-- A feature that is no longer registered has no counter; its reservation expires anyway. From a count
-- lowered by the owner, no more is subtracted than it has.
SELECT add_feature('video_minutes', 'month');
UPDATE plan_limits SET video_minutes_limit = 5;
SELECT test.brief(reserve_feature(u(7), 'video_minutes', 2));
SELECT test.brief(reserve_feature(u(7), 'insights', 2));
UPDATE feature_reservations SET expires_at = now() WHERE user_id = u(7);
UPDATE feature_usage SET insights_count = 1 WHERE user_id = u(7);
DELETE FROM usage_features WHERE feature_type = 'video_minutes';
SELECT expire_reservations();
SELECT insights_count, video_minutes FROM feature_usage WHERE user_id = u(7);
SELECT * FROM reservations WHERE "user" = '7';
\c :home
DROP DATABASE feature_usage_expire;

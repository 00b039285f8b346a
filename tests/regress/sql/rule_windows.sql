-- The windows of caps: what is counted in them, what they begin with, and what a reservation gives back.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_rule_windows
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION this_month() RETURNS text LANGUAGE sql AS $$ SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') $$;
CREATE FUNCTION this_year() RETURNS text LANGUAGE sql AS $$ SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY') $$;
-- The windows and rates of a user, without the date.
CREATE FUNCTION windows(n integer) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', CASE period WHEN this_year() THEN 'year' WHEN this_month() THEN 'month' ELSE period END, used,
                                CASE WHEN tat > clock_timestamp() THEN 'refills' END), ', ' ORDER BY period COLLATE "C" DESC)
      FROM usage_counters WHERE user_id = u(n)
$$;
CREATE FUNCTION insights(n integer) RETURNS bigint LANGUAGE sql AS $$ SELECT insights_count FROM feature_usage WHERE user_id = u(n) AND period = this_month() $$;
CREATE PROCEDURE start_again() LANGUAGE sql AS $$ TRUNCATE feature_usage, usage_rules, usage_counters, feature_reservations, feature_idempotency_keys $$;
CREATE PROCEDURE cap(per text, amount bigint, every interval DEFAULT NULL, feature text DEFAULT 'insights') LANGUAGE sql AS $$
    INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per, every) VALUES ('all', feature, 'cap', amount, per, every)
$$;
UPDATE plan_limits SET insights_limit = 100, chat_messages_daily_limit = 100;

-- Increments and batches are never refused: they count beyond a cap, and take from a rate what there is.
CALL cap('total', 10);
CALL cap('year', 20);
CALL cap('rate', 5, '31 days');
SELECT increment_insights_count(u(1), 3, 'current'), windows(1), insights(1);
SELECT windows(1);
SELECT increment_insights_count(u(1), 30, this_month());
SELECT windows(1), insights(1);
SELECT test.brief_rules(check_feature_limit(u(1), 'insights'));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 0));
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(1), 'feature_type', 'insights', 'amount', 2),
                                      jsonb_build_object('user_id', u(2), 'feature_type', 'insights', 'amount', 4, 'idempotency_key', 'k'),
                                      jsonb_build_object('user_id', u(1), 'feature_type', 'insights', 'amount', 5, 'period', this_month()),
                                      jsonb_build_object('user_id', u(2), 'feature_type', 'chat', 'amount', 7)));
SELECT n, windows(n), insights(n) FROM generate_series(1, 2) AS n;
-- An event whose key was used is counted in no window either.
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(2), 'feature_type', 'insights', 'amount', 4, 'idempotency_key', 'k')));
SELECT windows(2);
-- Another period than the current one is counted in its own counter only.
SELECT increment_insights_count(u(2), 9, '2025-02');
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(2), 'feature_type', 'insights', 'amount', 9, 'period', '2025-02')));
SELECT windows(2);
-- 0 counts nothing, and makes no rows.
SELECT increment_insights_count(u(3), 0, 'current');
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(3), 'feature_type', 'insights', 'amount', 0)));
SELECT count(*) FROM usage_counters WHERE user_id = u(3);
-- A replay counts nothing.
SELECT consume_feature(u(3), 'insights', 2, 'key') ->> 'consumed';
SELECT consume_feature(u(3), 'insights', 2, 'key') ->> 'replayed', windows(3);
-- A call that fails takes back what it has counted in windows.
BEGIN;
SELECT consume_feature(u(3), 'insights', 1) ->> 'consumed', windows(3);
SELECT windows(3);
ROLLBACK;
SELECT windows(3), insights(3);
-- A count that would overflow its column is counted nowhere.
SELECT test.sqlstate($$SELECT increment_insights_count(u(3), 2147483647, 'current')$$), windows(3), insights(3);

-- A month, a year and a total begin with what the feature's own counters inside them have counted.
-- Counters of other periods and of other features are not in them.
CALL start_again();
INSERT INTO feature_usage (user_id, period, chat_messages, insights_count) VALUES
    (u(1), this_month() || '-01', 1, 0),
    (u(1), this_month() || '-02', 2, 0),
    (u(1), this_month() || '-28', 4, 0),
    (u(1), this_month(), 64, 128),
    (u(1), this_year() || '-01-01', 8 * (this_month() <> this_year() || '-01')::integer, 0),
    (u(1), '2020-12-31', 16, 0),
    (u(1), '1999-01-01', 32, 0);
DELETE FROM feature_usage WHERE chat_messages = 0 AND insights_count = 0;
CREATE FUNCTION expected_of(kind text) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(chat_messages) FROM feature_usage
     WHERE user_id = u(1) AND length(period) = 10
       AND CASE kind WHEN 'month' THEN period LIKE this_month() || '%' WHEN 'year' THEN period LIKE this_year() || '%' ELSE true END
$$;
CALL cap('month', 100, feature => 'chat');
CALL cap('year', 100, feature => 'chat');
CALL cap('total', 100, feature => 'chat');
CALL cap('hour', 100, feature => 'chat');
CALL cap('week', 100, feature => 'chat');
CALL cap('billing_month', 100, feature => 'chat');
CALL cap('rate', 100, '1 day', feature => 'chat');
-- A check knows it before the rows exist.
SELECT cap ->> 'per', (cap ->> 'used')::bigint - CASE WHEN cap ->> 'per' IN ('month', 'year', 'total') THEN expected_of(cap ->> 'per') ELSE 0 END
  FROM jsonb_array_elements(check_feature_limit(u(1), 'chat', 0) -> 'caps') AS cap;
SELECT count(*) FROM usage_counters;
SELECT cap ->> 'per', (cap ->> 'used')::bigint - CASE WHEN cap ->> 'per' IN ('month', 'year', 'total') THEN expected_of(cap ->> 'per') - 3 ELSE 0 END
  FROM jsonb_array_elements(consume_feature(u(1), 'chat', 3) -> 'caps') AS cap;
-- An increment begins them with what was there before it.
TRUNCATE usage_counters;
SELECT increment_chat_messages(u(1), 5, 'current');
SELECT length(period), used - expected_of(CASE length(period) WHEN 4 THEN 'year' WHEN 7 THEN 'month' ELSE period END) AS missing
  FROM usage_counters WHERE period IN (this_month(), this_year(), 'total') ORDER BY length(period);
-- So does a batch.
TRUNCATE usage_counters;
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(1), 'feature_type', 'chat', 'amount', 5),
                                      jsonb_build_object('user_id', u(1), 'feature_type', 'chat', 'amount', 6)));
SELECT length(period), used - expected_of(CASE length(period) WHEN 4 THEN 'year' WHEN 7 THEN 'month' ELSE period END) AS missing
  FROM usage_counters WHERE period IN (this_month(), this_year(), 'total') ORDER BY length(period);
-- A window that exists goes on, whatever happens to the counters.
UPDATE feature_usage SET chat_messages = 0;
SELECT consume_feature(u(1), 'chat', 0) ->> 'allowed', (SELECT used FROM usage_counters WHERE period = 'total') > 0;

-- A reservation is counted in its windows, which it stores. A release gives all of it back, a smaller
-- commit the rest; a larger one counts more, without asking the caps. A rate gives nothing back.
CALL start_again();
CALL cap('total', 10);
CALL cap('year', 20);
CALL cap('rate', 50, '31 days');
SELECT test.brief_rules(reserve_feature(u(1), 'insights', 6));
SELECT windows(1);
SELECT jsonb_path_query_array(sources, '$.windows[*][0]'), sources #>> '{windows,0,1}' = this_year(), sources #>> '{windows,1,1}' FROM feature_reservations;
SELECT test.brief_rules(reserve_feature(u(1), 'insights', 5));
SELECT reservation_id AS reservation FROM feature_reservations \gset
SELECT release_reservation(:'reservation') ->> 'released', release_reservation(:'reservation') ->> 'released';
SELECT windows(1), insights(1), (SELECT bool_and(has_reservations) FROM usage_counters WHERE period IN ('total', this_year()));
SELECT reserve_feature(u(1), 'insights', 8) ->> 'reservation_id' AS reservation \gset
SELECT commit_reservation(:'reservation', 3) ->> 'actual', commit_reservation(:'reservation', 3) ->> 'actual';
SELECT windows(1), insights(1);
SELECT reserve_feature(u(1), 'insights', 2) ->> 'reservation_id' AS reservation \gset
SELECT commit_reservation(:'reservation', 12) ->> 'actual';
SELECT windows(1), insights(1);
SELECT test.brief_rules(consume_feature(u(1), 'insights'));

-- A commit in another window than the reservation's: the window of then has it, the one of now has
-- nothing. Reserve 4 in an hour, commit 1 of them in the next.
CALL start_again();
CALL cap('hour', 10);
CALL cap('total', 100);
SELECT reserve_feature(u(1), 'insights', 4) ->> 'reservation_id' AS reservation \gset
UPDATE usage_counters SET period = '2025-02-10T13' WHERE period LIKE '%T%';
UPDATE feature_reservations SET sources = '{"windows": [["hour", "2025-02-10T13"], ["total", "total"]]}', period = '2025-02';
UPDATE feature_usage SET period = '2025-02';
SELECT commit_reservation(:'reservation', 1) ->> 'actual';
SELECT windows(1), (SELECT insights_count FROM feature_usage WHERE period = '2025-02');
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 0)) -> 'caps';
-- A release gives back there too.
SELECT reserve_feature(u(1), 'insights', 4) ->> 'reservation_id' AS reservation \gset
UPDATE usage_counters SET period = '2025-02-10T14' WHERE period LIKE '%T%' AND period <> '2025-02-10T13';
UPDATE feature_reservations SET sources = '{"windows": [["hour", "2025-02-10T14"], ["total", "total"]]}' WHERE status = 'reserved';
SELECT windows(1);
SELECT release_reservation(:'reservation') ->> 'released', windows(1);
SELECT windows(1);
-- A commit of more counts again in a window that was pruned meanwhile, a smaller one does not.
SELECT reserve_feature(u(1), 'insights', 4) ->> 'reservation_id' AS reservation \gset
DELETE FROM usage_counters;
SELECT commit_reservation(:'reservation', 6) ->> 'actual';
SELECT count(*), sum(used) FROM usage_counters;
SELECT reserve_feature(u(1), 'insights', 4) ->> 'reservation_id' AS reservation \gset
DELETE FROM usage_counters;
SELECT commit_reservation(:'reservation', 2) ->> 'actual';
SELECT count(*) FROM usage_counters;

-- An expired reservation is given back in all its windows, once: at the user's next call, by
-- expire_reservations(), or by a late commit, which counts again.
CALL start_again();
CALL cap('total', 10);
SELECT reserve_feature(u(n), 'insights', 10) ->> 'reserved' FROM generate_series(1, 4) AS n;
UPDATE feature_reservations SET expires_at = now() - interval '1 second';
-- Readers leave it out, although the columns still have it.
SELECT windows(1), insights(1), test.brief_rules(check_feature_limit(u(1), 'insights', 10));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 7));
SELECT windows(1), insights(1);
SELECT right(user_id::text, 1), status FROM feature_reservations ORDER BY user_id;
SELECT commit_reservation(reservation_id, 3) ->> 'late' FROM feature_reservations WHERE user_id = u(1);
SELECT windows(1), insights(1);
SELECT commit_reservation(reservation_id, 3) ->> 'late' FROM feature_reservations WHERE user_id = u(2);
SELECT windows(2), insights(2);
SELECT release_reservation(reservation_id) ->> 'released' FROM feature_reservations WHERE user_id = u(3);
SELECT windows(3), insights(3);
SELECT expire_reservations(), expire_reservations();
SELECT windows(4), insights(4);
-- One of an earlier month holds a part of the total: a call now gives it back in both.
CALL start_again();
CALL cap('total', 10);
SELECT reserve_feature(u(1), 'insights', 10) ->> 'reserved';
UPDATE feature_reservations SET expires_at = now() - interval '1 second', period = '2025-02';
UPDATE feature_usage SET period = '2025-02';
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 10));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 10));
SELECT period = this_month(), insights_count FROM feature_usage ORDER BY period;
SELECT windows(1);
SELECT status FROM feature_reservations;
-- While it is open it holds its part.
CALL start_again();
CALL cap('total', 10);
SELECT reserve_feature(u(1), 'insights', 9) ->> 'reserved';
UPDATE feature_reservations SET period = '2025-02';
UPDATE feature_usage SET period = '2025-02';
SELECT test.brief_rules(consume_feature(u(1), 'insights', 2));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 1));

-- While no cap of a kind is active nothing is counted in its windows.
CALL start_again();
CALL cap('total', 10);
SELECT consume_feature(u(1), 'insights', 2) ->> 'consumed';
UPDATE usage_rules SET ends_at = now();
SELECT consume_feature(u(1), 'insights', 3) ->> 'consumed', increment_insights_count(u(1), 4, 'current');
SELECT windows(1), insights(1);
UPDATE usage_rules SET ends_at = NULL;
SELECT test.brief_rules(consume_feature(u(1), 'insights', 9)) -> 'exceeded';
-- However many reservations have expired, a call gives back all of them, as a check supposes.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(9), 'voice_seconds', 'set', 150);
SELECT count(reserve_feature(u(9), 'voice_seconds', 1, '1 hour')) FROM generate_series(1, 150);
UPDATE feature_reservations SET expires_at = now() - interval '1 minute' WHERE user_id = u(9);
SELECT check_feature_limit(u(9), 'voice_seconds', 120) ->> 'allowed', consume_feature(u(9), 'voice_seconds', 120) ->> 'allowed';
-- A total, a month and a year begin with what is reserved, and get it back when it ends: expired,
-- released, or committed with another amount. What has expired before is not in them.
DELETE FROM usage_rules;
CREATE FUNCTION reserved(n integer, amount integer, ttl interval DEFAULT '1 hour') RETURNS uuid LANGUAGE sql AS $$
    SELECT (reserve_feature(u(n), 'image_generation', amount, ttl) ->> 'reservation_id')::uuid
$$;
UPDATE plan_limits SET image_generation_daily_limit = 100;
SELECT reserved(11, 5) AS expired, reserved(12, 5) AS released, reserved(13, 5) AS committed, reserved(14, 5) AS late \gset
UPDATE feature_reservations SET expires_at = now() - interval '1 minute' WHERE user_id IN (u(11), u(14));
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per) VALUES ('all', 'image_generation', 'cap', 5, 'total');
SELECT n, check_feature_limit(u(n), 'image_generation') ->> 'allowed' AS checked, consume_feature(u(n), 'image_generation') ->> 'allowed' AS consumed, windows(n)
  FROM generate_series(11, 14) AS n;
SELECT release_reservation(:'released') ->> 'released', windows(12);
SELECT commit_reservation(:'committed', 2) ->> 'actual', windows(13);
SELECT commit_reservation(:'late', 3) ->> 'late', windows(14);
SELECT n, consume_feature(u(n), 'image_generation', 2) ->> 'allowed', windows(n) FROM generate_series(11, 14) AS n;
\c :home
DROP DATABASE feature_usage_rule_windows;

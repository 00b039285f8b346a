-- Rates: a bucket that refills evenly. Time is moved by moving when the bucket is full again.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_rates
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
UPDATE plan_limits SET insights_limit = 1000;
CREATE PROCEDURE rate(amount bigint, every interval) LANGUAGE sql AS $$
    TRUNCATE feature_usage, usage_rules, usage_counters;
    INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per, every) VALUES ('all', 'insights', 'cap', amount, 'rate', every)
$$;
CREATE PROCEDURE pass(elapsed interval) LANGUAGE sql AS $$ UPDATE usage_counters SET tat = tat - elapsed $$;
-- Calls of 1, one after the other: how many were admitted, and the waits and codes of the others.
CREATE FUNCTION calls(number integer) RETURNS TABLE (admitted bigint, waits text, codes text) LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE answer @> '{"allowed": true}'), string_agg(DISTINCT answer ->> 'retry_after', ' '), string_agg(DISTINCT answer ->> 'error_code', ' ')
      FROM generate_series(1, number) AS n, LATERAL (SELECT consume_feature(u(1), 'insights', sign(n)::integer) AS answer) AS call
$$;

-- 10 per minute: 10 at once, then one each 6 seconds.
CALL rate(10, '1 minute');
SELECT * FROM calls(64);
CALL pass('5 seconds');
SELECT * FROM calls(2);
CALL pass('1 second');
SELECT * FROM calls(2);
CALL pass('18 seconds');
SELECT * FROM calls(5);
-- After a minute the bucket is full, and no fuller after a year.
CALL pass('1 minute');
SELECT * FROM calls(64);
CALL pass('1 year');
SELECT * FROM calls(64);
SELECT insights_count FROM feature_usage;
-- The answer as a whole.
SELECT test.brief_rules(consume_feature(u(1), 'insights', 10));
CALL pass('12 seconds');
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 2));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 3));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 0));
-- More than the bucket holds is never admitted, however long one waits.
SELECT test.brief_rules(consume_feature(u(1), 'insights', 11));
-- 7 per minute: a unit takes 60 / 7 seconds, rounded up, and all 7 are there at once.
CALL rate(7, '1 minute');
SELECT * FROM calls(8);
-- 1 per 10 seconds: the first is admitted.
CALL rate(1, '10 seconds');
SELECT * FROM calls(2);
-- 1000 per second, 1 per 31 days, and none.
CALL rate(1000, '1 second');
SELECT consume_feature(u(1), 'insights', 1000) ->> 'consumed';
CALL rate(1, '31 days');
SELECT * FROM calls(1);
SELECT consume_feature(u(1), 'insights') ->> 'error_code', (consume_feature(u(1), 'insights') ->> 'retry_after')::integer BETWEEN 31 * 86400 - 60 AND 31 * 86400;
CALL rate(0, '1 minute');
SELECT * FROM calls(1);

-- What was refused, checked or replayed takes nothing; what was released is not given back.
CALL rate(10, '1 minute');
SELECT consume_feature(u(1), 'insights', 4, 'k') ->> 'consumed';
SELECT consume_feature(u(1), 'insights', 4, 'k') ->> 'replayed', consume_feature(u(1), 'insights', 7) ->> 'error_code', check_feature_limit(u(1), 'insights', 6) ->> 'allowed';
SELECT reserve_feature(u(1), 'insights', 4) ->> 'reservation_id' AS reservation \gset
SELECT release_reservation(:'reservation') ->> 'released';
SELECT * FROM calls(3);
-- A commit of more takes nothing, as it was let in. An increment takes what there is.
CALL rate(10, '1 minute');
SELECT reserve_feature(u(1), 'insights', 4) ->> 'reservation_id' AS reservation \gset
SELECT commit_reservation(:'reservation', 50) ->> 'actual', test.brief_rules(check_feature_limit(u(1), 'insights', 0)) -> 'caps';
SELECT increment_insights_count(u(1), 500, 'current');
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 0)) -> 'caps';
SELECT * FROM calls(1);
-- A clock that was set back, or a time written by hand, empties the bucket and no more.
UPDATE usage_counters SET tat = now() + interval '1 day';
SELECT * FROM calls(1);
UPDATE usage_counters SET tat = 'infinity';
SELECT * FROM calls(1);
UPDATE usage_counters SET tat = '-infinity';
SELECT * FROM calls(11);
UPDATE usage_counters SET tat = NULL;
SELECT * FROM calls(11);

-- Two rates, and a window: all must have room. What is waited for longest names the code.
CALL rate(10, '1 minute');
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per, every) VALUES ('all', 'insights', 'cap', 2, 'rate', '10 seconds'), ('all', 'insights', 'cap', 11, 'total', NULL);
SELECT * FROM calls(3);
CALL pass('10 seconds');
SELECT * FROM calls(3);
-- The minute has room for 8 more, the ten seconds for 1.
CALL pass('5 seconds');
SELECT test.brief_rules(consume_feature(u(1), 'insights', 2));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 3));
CALL pass('1 minute');
SELECT increment_insights_count(u(1), 6, 'current');
CALL pass('30 seconds');
SELECT test.brief_rules(consume_feature(u(1), 'insights', 2));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 1));
-- The month's allowance is used up, and the bucket is empty: the wait is for the month.
UPDATE plan_limits SET insights_limit = 10;
CALL rate(10, '1 minute');
SELECT * FROM calls(10);
SELECT answer ->> 'error_code', jsonb_path_query_array(answer, '$.exceeded[*].per'), jsonb_path_query_array(answer, '$.exceeded[*].effect'),
       abs((answer ->> 'retry_after')::integer - extract(epoch FROM (answer ->> 'reset_at')::timestamptz - clock_timestamp())) <= 60
  FROM consume_feature(u(1), 'insights') AS answer WHERE extract(epoch FROM date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month' - now() AT TIME ZONE 'UTC') > 60;

-- Another amount for the same time goes on with the bucket; another time is another bucket.
UPDATE plan_limits SET insights_limit = 1000;
CALL rate(10, '1 minute');
SELECT * FROM calls(10);
UPDATE usage_rules SET amount = 20;
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 0)) -> 'caps';
UPDATE usage_rules SET every = '2 minutes';
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 0)) -> 'caps';
\c :home
DROP DATABASE feature_usage_rates;

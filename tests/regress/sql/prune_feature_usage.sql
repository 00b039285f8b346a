-- prune_feature_usage: deletes old idempotency keys and old settled reservations, and old counts only
-- if asked.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_prune
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE VIEW left_over AS
    SELECT (SELECT string_agg(key, ' ' ORDER BY key) FROM feature_idempotency_keys) AS keys,
           (SELECT string_agg(status || ' ' || amount, ', ' ORDER BY status, amount) FROM feature_reservations) AS reservations,
           (SELECT count(*) FROM feature_usage WHERE period < '2021') AS old_counts;
-- A reservation per status, 8 days old and 6 days old.
INSERT INTO feature_reservations (user_id, period, feature_type, amount, status, expires_at, created_at, updated_at)
SELECT u(1), '2020-01', 'insights', days, status, now(), now() - interval '1 year', now() - days * interval '1 day'
  FROM unnest(ARRAY['reserved', 'committed', 'released', 'expired']) AS status, unnest(ARRAY[6, 8]) AS days;
INSERT INTO feature_idempotency_keys (user_id, operation, key, arguments, created_at)
SELECT u(1), 'consume', days || 'd', '{}', now() - days * interval '1 day' FROM unnest(ARRAY[0, 6, 8]) AS days;
-- Counts of 2020, of a user with an open reservation in January, and of the current periods.
INSERT INTO feature_usage (user_id, period) SELECT u(n), period FROM generate_series(1, 2) AS n, unnest(ARRAY['2020-01', '2020-02', '2020-01-31', '2020-02-01']) AS period;
SELECT consume_feature(u(1), 'chat') ->> 'allowed', consume_feature(u(1), 'voice_seconds') ->> 'allowed';
TABLE left_over;

-- The default is 7 days. An open reservation holds a part of a count, so it is kept however old; counts
-- are kept.
BEGIN;
SELECT prune_feature_usage();
TABLE left_over;
-- A second run deletes nothing.
SELECT prune_feature_usage();
ROLLBACK;
SELECT prune_feature_usage(p_older_than => '5 days');
TABLE left_over;
SELECT prune_feature_usage('1000 years');
-- Age 0 deletes everything except open reservations and what this transaction has written.
BEGIN;
SELECT consume_feature(u(1), 'chat', 1, 'new') ->> 'allowed';
SELECT prune_feature_usage('0');
TABLE left_over;
ROLLBACK;

-- Counts of periods that ended long enough ago. A month ends with its last day. A count with an open
-- reservation is kept.
CREATE FUNCTION periods() RETURNS SETOF text LANGUAGE sql AS $$ SELECT right(user_id::text, 1) || ' ' || period FROM feature_usage WHERE period < '2021' ORDER BY user_id, period COLLATE "C" $$;
CREATE FUNCTION age_of(day text) RETURNS interval LANGUAGE sql AS $$ SELECT now() AT TIME ZONE 'UTC' - day::timestamp $$;
BEGIN;
SELECT prune_feature_usage('1000 years', age_of('2020-01-31 23:59'));
SELECT prune_feature_usage('1000 years', age_of('2020-02-01 00:01'));
SELECT periods();
SELECT prune_feature_usage(p_older_than => '1000 years', p_periods_older_than => age_of('2020-02-02 00:01'));
SELECT periods();
SELECT prune_feature_usage('1000 years', age_of('2020-03-01 00:01'));
SELECT periods();
-- Age 0 deletes all ended periods: the current periods stay.
SELECT prune_feature_usage('1000 years', '0');
SELECT sum(chat_messages), sum(voice_seconds) FROM feature_usage;
UPDATE feature_reservations SET status = 'released';
SELECT prune_feature_usage('1000 years', '0');
SELECT periods();
ROLLBACK;
-- A pruned idempotency key can be used again.
SELECT consume_feature(u(2), 'chat', 1, 'k') ->> 'current_usage';
SELECT consume_feature(u(2), 'chat', 1, 'k') ->> 'current_usage';
SELECT prune_feature_usage('0') ->> 'idempotency_keys';
SELECT consume_feature(u(2), 'chat', 1, 'k') ->> 'current_usage';

-- Invalid ages.
SELECT prune_feature_usage(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT prune_feature_usage('-1 day');
\echo :LAST_ERROR_SQLSTATE
SELECT prune_feature_usage('1 day', '-1 second');
\echo :LAST_ERROR_SQLSTATE
SELECT test.sqlstate($$SELECT prune_feature_usage('long')$$);
-- An age that reaches back before the year 1 deletes nothing: period keys have no BC years.
SELECT prune_feature_usage('7 days', '4052 years');
\echo :LAST_ERROR_SQLSTATE
SELECT prune_feature_usage('4052 years');
\echo :LAST_ERROR_SQLSTATE
SELECT prune_feature_usage('178000000 years');
\echo :LAST_ERROR_SQLSTATE
SELECT input, test.sqlstate(format('SELECT prune_feature_usage(%L)', input)) AS older_than,
       test.sqlstate(format('SELECT prune_feature_usage(%L, %L)', '1000 years', input)) AS periods_older_than
  FROM unnest(ARRAY['1000 years', '2100 years', '6700 years', '7000 years', '178000000 years', '99999999 days']) AS input;
SELECT sum(chat_messages) FROM feature_usage;
BEGIN READ ONLY;
SELECT prune_feature_usage();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT keys FROM left_over;
\c :home
DROP DATABASE feature_usage_prune;

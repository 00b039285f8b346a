-- What a pool and its members have of their own: neither is used, counted or given back for the other, nor for
-- another pool. Members have ids of pools, so that a statement that mixes them up finds something.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_usage_pools_apart
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
-- What is used of a feature, by everyone who has used it: users, totals of pools, members.
CREATE FUNCTION used(feature text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', 'pool ' || nullif(right(pool_id::text, 1), '0'), 'user ' || nullif(right(user_id::text, 1), '0'), used), ', ' ORDER BY pool_id, user_id)
      FROM (SELECT u(0) AS pool_id, user_id, CASE feature WHEN 'insights' THEN insights_count WHEN 'voice_seconds' THEN voice_seconds END AS used FROM feature_usage
             UNION ALL
            SELECT pool_id, user_id, used FROM usage_counters WHERE pool_id <> u(0) AND feature_type = feature) AS counts
$$;
CREATE FUNCTION expire() RETURNS void LANGUAGE sql AS $$ UPDATE feature_reservations SET expires_at = clock_timestamp() WHERE status = 'reserved' $$;
UPDATE plan_limits SET insights_limit = 10, voice_seconds_limit = 10;
INSERT INTO plan_limits (plan_id, insights_limit, voice_seconds_limit) VALUES ('team', 20, 20);
INSERT INTO usage_pools (pool_id, plan_id) VALUES (u(1), 'team'), (u(2), 'team');
INSERT INTO usage_pool_members SELECT u(pool), u(n) FROM generate_series(1, 2) AS pool, generate_series(1, 3) AS n;

-- A feature without any rule: what is released or expires in a pool goes back to the pool alone.
SELECT consume_feature(u(1), 'voice_seconds', 3) -> 'remaining', reserve_feature(u(1), 'voice_seconds', 4) -> 'remaining',
       consume_feature(u(1), 'voice_seconds', 5, p_pool_id => u(1)) -> 'remaining', reserve_feature(u(1), 'voice_seconds', 6, p_pool_id => u(1)) -> 'remaining';
SELECT reservation_id AS pools FROM feature_reservations WHERE pool_id = u(1) \gset
SELECT answer -> 'current_usage', answer -> 'reserved' FROM check_feature_limit(u(1), 'voice_seconds') AS answer;
SELECT release_reservation(:'pools') -> 'released', used('voice_seconds');
SELECT reserve_feature(u(1), 'voice_seconds', 6, p_pool_id => u(1)) -> 'allowed';
SELECT reservation_id AS pools FROM feature_reservations WHERE pool_id = u(1) AND status = 'reserved' \gset
-- Another member can't settle it.
SELECT test.sqlstate(format('SELECT commit_reservation(%L, 2, u(2))', :'pools')), test.sqlstate(format('SELECT release_reservation(%L, u(2))', :'pools'));
SELECT commit_reservation(:'pools', 2, u(1)) -> 'actual', used('voice_seconds');
SELECT reserve_feature(u(1), 'voice_seconds', 6, p_pool_id => u(1)) -> 'allowed', expire();
-- The user's own call gives back their own reservation, and no other.
SELECT consume_feature(u(1), 'voice_seconds', 7) -> 'current_usage', used('voice_seconds');
SELECT expire_reservations(), used('voice_seconds');

-- Rules and grants: a user's are for what they do outside of pools, a pool's for what is done in it.
INSERT INTO usage_rules (applies_to, user_id, pool_id, feature_type, effect, amount) VALUES ('user', u(1), NULL, 'insights', 'add', 1), ('pool', NULL, u(1), 'insights', 'add', 2);
SELECT grant_usage(u(1), 'insights', 5, 'user') -> 'granted', grant_usage(NULL, 'insights', 7, 'pool', p_pool_id => u(1)) -> 'granted';
SELECT asked, status -> 'limit', status -> 'remaining', status #>> '{grants,0,source_ref}'
  FROM (VALUES (1, usage_status(u(1), 'insights')), (2, usage_status(u(1), 'insights', u(1))), (3, usage_status(u(2), 'insights', u(2)))) AS asked (asked, answer), jsonb_extract_path(answer, 'features', 'insights') AS status ORDER BY asked;
SELECT consume_feature(u(1), 'insights', 17) ->> 'error_code', consume_feature(u(1), 'insights', 30, p_pool_id => u(1)) ->> 'error_code';
-- In one batch as well, which has both.
SELECT record_usage(jsonb_agg(jsonb_build_object('user_id', u(1), 'feature_type', 'insights', 'amount', 100, 'pool_id', pool))) FROM (VALUES (NULL), (u(1)), (u(2))) AS calls (pool);
SELECT source_ref, used FROM usage_grants ORDER BY source_ref;
SELECT pool, status -> 'excess' FROM (VALUES (0, NULL), (1, u(1)), (2, u(2))) AS pools (pool, id), jsonb_extract_path(usage_status(u(1), 'insights', id), 'features', 'insights') AS status ORDER BY pool;
-- A member who is blocked in one pool is not in another, nor outside of it.
INSERT INTO usage_rules (applies_to, user_id, pool_id, feature_type, effect) VALUES ('member', u(2), u(1), 'voice_seconds', 'deny');
SELECT consume_feature(u(2), 'voice_seconds', 1, p_pool_id => pool) -> 'allowed' FROM (VALUES (u(1)), (u(2)), (NULL)) AS pools (pool);

-- Alerts: each pool has its own, and another pack may tell once more that little is left.
INSERT INTO usage_pools (pool_id, plan_id) VALUES (u(3), 'team'), (u(4), 'team');
INSERT INTO usage_pool_members VALUES (u(3), u(1)), (u(4), u(1));
INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES ('all', 'insights', 'warn', 50), ('all', 'insights', 'low', 5);
SELECT consume_feature(u(1), 'insights', 16, p_pool_id => pool) -> 'allowed' FROM (VALUES (u(3)), (u(4))) AS pools (pool);
SELECT grant_usage(NULL, 'insights', 5, 'more', p_pool_id => u(4)) -> 'granted', consume_feature(u(1), 'insights', 5, p_pool_id => u(4)) -> 'allowed';
SELECT right(pool_id::text, 1), kind, usage FROM usage_alerts WHERE pool_id IN (u(3), u(4)) ORDER BY pool_id, alert_id;

-- A batch enters the idempotency key of each event into the ledger, though another is of the same user and
-- feature. A report of a pool has no other, nor what its members use outside.
INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'insights', 'log');
SELECT record_usage(jsonb_agg(jsonb_build_object('user_id', u(1), 'feature_type', 'insights', 'amount', 1, 'pool_id', pool, 'idempotency_key', key))) FROM (VALUES (NULL, 'a'), (u(3), 'b'), (u(4), 'c')) AS calls (pool, key);
SELECT right(pool_id::text, 1), idempotency_key FROM usage_ledger ORDER BY idempotency_key;
SELECT by, right(pool_id::text, 1), right(user_id::text, 1), amount FROM (VALUES ('month'), ('period')) AS buckets (by), usage_report(now() - interval '40 days', now() + interval '1 day', by, 'insights', p_pool_id => u(3)) ORDER BY by, user_id NULLS FIRST;
SELECT by, right(pool_id::text, 1), right(user_id::text, 1), amount FROM (VALUES ('month'), ('period')) AS buckets (by), usage_report(now() - interval '40 days', now() + interval '1 day', by, 'insights', u(1)) WHERE pool_id IS NULL OR pool_id = u(4) ORDER BY by, pool_id NULLS FIRST;
\c :home
DROP DATABASE feature_usage_usage_pools_apart;

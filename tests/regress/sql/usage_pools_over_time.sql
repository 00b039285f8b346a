-- Pools over time: the days of their zones, what members leave to each other when it expires, and pruning.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_usage_pools_over_time
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION expire() RETURNS void LANGUAGE sql AS $$ UPDATE feature_reservations SET expires_at = clock_timestamp() WHERE status = 'reserved' $$;
CREATE VIEW counters AS
SELECT right(pool_id::text, 1) AS pool, right(user_id::text, 1) AS member, feature_type, CASE WHEN period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') THEN 'this month' ELSE period END AS period, used
  FROM usage_counters ORDER BY pool_id, user_id, feature_type, period;
INSERT INTO plan_limits (plan_id, chat_messages_daily_limit, insights_limit) VALUES ('team', 10, 20);

-- Calls and batches count on the day of the pool's zone. At any time, one of these has another date than UTC.
INSERT INTO usage_pools (pool_id, plan_id, time_zone) VALUES (u(1), 'team', 'Pacific/Kiritimati'), (u(2), 'team', 'Etc/GMT+12');
INSERT INTO usage_pool_members VALUES (u(1), u(1)), (u(2), u(1));
BEGIN;
SELECT consume_feature(u(1), 'chat', 1, p_pool_id => pool_id) -> 'allowed' FROM usage_pools;
SELECT record_usage(jsonb_agg(jsonb_build_object('user_id', u(1), 'feature_type', 'chat', 'amount', 2, 'pool_id', pool_id))) FROM usage_pools;
SELECT right(pool_id::text, 1), used, period = to_char(now() AT TIME ZONE time_zone, 'YYYY-MM-DD') FROM usage_counters JOIN usage_pools USING (pool_id) WHERE user_id = u(0) ORDER BY pool_id;
ROLLBACK;

-- What one member's reservation held is not shown once it has expired, and a batch of another gives it back.
INSERT INTO usage_pools (pool_id, plan_id) VALUES (u(3), 'team');
INSERT INTO usage_pool_members SELECT u(3), u(n) FROM generate_series(1, 2) AS n;
SELECT reserve_feature(u(1), 'insights', 5, p_pool_id => u(3)) -> 'allowed', expire();
SELECT status -> 'current_usage', status -> 'member_usage', status -> 'remaining' FROM jsonb_extract_path(usage_status(u(1), 'insights', u(3)), 'features', 'insights') AS status;
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(2), 'feature_type', 'insights', 'amount', 1, 'pool_id', u(3))));
SELECT * FROM counters;
-- Also in a member's total that began after the reservation with what that held.
SELECT reserve_feature(u(1), 'insights', 15, p_pool_id => u(3)) -> 'allowed';
INSERT INTO usage_rules (applies_to, pool_id, feature_type, effect, amount, per) VALUES ('member', u(3), 'insights', 'cap', 17, 'total');
SELECT consume_feature(u(1), 'insights', 2, p_pool_id => u(3)) -> 'remaining', expire();
SELECT consume_feature(u(2), 'insights', 3, p_pool_id => u(3)) -> 'remaining';
SELECT * FROM counters;
-- Who has left a pool can still settle what they had reserved in it.
SELECT reserve_feature(u(2), 'insights', amount, p_pool_id => u(3)) -> 'allowed' FROM (VALUES (4), (1)) AS calls (amount);
DELETE FROM usage_pool_members WHERE pool_id = u(3) AND user_id = u(2);
SELECT commit_reservation(reservation_id, 3, u(2)) -> 'actual' FROM feature_reservations WHERE amount = 4 AND status = 'reserved';
SELECT release_reservation(reservation_id) -> 'released' FROM feature_reservations WHERE status = 'reserved';
SELECT * FROM counters;
DELETE FROM usage_counters;

-- Pruning leaves what an open reservation of a pool is counted in, with its currency, and nothing else: no other
-- pool, nor what the member has outside of it.
INSERT INTO feature_reservations (user_id, pool_id, period, feature_type, amount, status, reservation_id, expires_at, sources)
SELECT u(1), u(3), '2001-01', 'insights', 1, 'reserved', u(7), now(), jsonb_build_object('windows', year, 'member_windows', week,
           'paid', jsonb_build_object('in', 'voice_seconds', 'period', '2001-01', 'units', 1, 'cost', 1, 'windows', year, 'member_windows', week))
  FROM (VALUES ('[["year", "2001"]]'::jsonb, '[["week", "2001-W01"]]'::jsonb)) AS windows (year, week);
INSERT INTO usage_counters (pool_id, user_id, feature_type, period, used)
SELECT u(pool), u(member), feature, period, 1
  FROM (VALUES (3, 0, '2001-01'), (3, 1, '2001-01'), (3, 0, '2001'), (3, 1, '2001-W01'), (3, 0, '2000'),
               (2, 0, '2001-01'), (2, 1, '2001-01'), (2, 0, '2001'), (2, 1, '2001-W01'), (0, 1, '2001'), (0, 1, '2001-W01')) AS counts (pool, member, period),
       (VALUES ('insights'), ('voice_seconds')) AS features (feature);
SELECT prune_feature_usage('0', '0');
SELECT * FROM counters;
UPDATE feature_reservations SET status = 'released';
SELECT prune_feature_usage('0') -> 'windows', prune_feature_usage('0', '0') -> 'windows';
-- That a member has used the feature outside of the pool in that period, keeps nothing of the pool.
INSERT INTO feature_usage (user_id, period, insights_count) VALUES (u(1), '2001-01', 1);
INSERT INTO feature_reservations (user_id, period, feature_type, amount, status, reservation_id, expires_at) VALUES (u(1), '2001-01', 'insights', 1, 'reserved', u(7), now());
INSERT INTO usage_counters (pool_id, user_id, feature_type, period, used) VALUES (u(3), u(1), 'insights', '2001-01', 1), (u(0), u(1), 'insights', '2001-01', 0);
SELECT prune_feature_usage('0', '0');
SELECT * FROM counters;
\c :home
DROP DATABASE feature_usage_usage_pools_over_time;

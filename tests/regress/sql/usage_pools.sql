-- Pools: a plan that members use together, with seats, caps of members, grants, reservations of others.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_usage_pools
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
-- Pools have the ids of users: they share nothing.
CREATE FUNCTION p(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT u(n) $$;
CREATE FUNCTION brief(answer jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', CASE WHEN (answer ->> 'allowed')::boolean THEN 'allowed' ELSE answer ->> 'error_code' END,
        concat(answer ->> 'current_usage', '/', answer ->> 'limit'), 'left ' || (answer ->> 'remaining'), (answer -> 'sources')::text,
        (SELECT string_agg(concat_ws(' ', e ->> 'scope', e ->> 'effect', e ->> 'per', concat(e ->> 'used', '/', e ->> 'limit')), ', ') FROM jsonb_array_elements(answer -> 'exceeded') AS e))
$$;
CREATE VIEW counters AS
SELECT right(pool_id::text, 2) AS pool, right(user_id::text, 2) AS member, feature_type, CASE WHEN period LIKE 'rate/%' OR period = 'total' THEN period ELSE length(period)::text END AS period,
       used, drawn, overage, has_reservations FROM usage_counters ORDER BY 1, 2, 3, 4;
SELECT add_feature('tokens', 'month'), add_feature('credits', 'month');
UPDATE plan_limits SET insights_limit = 10, tokens_limit = 0, credits_limit = 0;
INSERT INTO plan_limits (plan_id, insights_limit, tokens_limit, credits_limit, image_generation_daily_limit) VALUES ('team', 100, 0, 50, NULL), ('seated', 20, 0, 0, 1);
INSERT INTO usage_pools (pool_id, plan_id) VALUES (p(1), 'team'), (p(2), NULL);
INSERT INTO usage_pool_members SELECT p(1), u(n) FROM generate_series(1, 3) AS n;

-- A member's cap and the pool's limit are both in force. The personal counter is not touched.
INSERT INTO usage_rules (applies_to, pool_id, feature_type, effect, amount, per) VALUES ('member', p(1), 'insights', 'cap', 60, 'month');
SELECT brief(consume_feature(u(1), 'insights', 60, p_pool_id => p(1)));
SELECT brief(answer), (answer ->> 'retry_after')::integer > 0, answer ->> 'reason', answer ->> 'pool_id' FROM consume_feature(u(1), 'insights', 1, p_pool_id => p(1)) AS answer;
SELECT brief(consume_feature(u(2), 'insights', 40, p_pool_id => p(1))), brief(consume_feature(u(3), 'insights', 1, p_pool_id => p(1)));
SELECT count(*) FROM feature_usage;
SELECT * FROM counters;
-- One member has more, another is blocked; a user who is blocked is blocked in pools as well.
INSERT INTO usage_rules (applies_to, pool_id, user_id, feature_type, effect, amount, per) VALUES ('member', p(1), u(1), 'insights', 'cap', 70, 'month'), ('member', p(1), u(2), 'insights', 'deny', NULL, 'period'),
    ('pool', p(1), NULL, 'insights', 'add', 5, 'period');
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(3), 'insights', 'deny', NULL), ('user', u(1), 'insights', 'add', 1000);
SELECT brief(consume_feature(u(1), 'insights', 3, p_pool_id => p(1))), brief(consume_feature(u(2), 'insights', 1, p_pool_id => p(1))), brief(consume_feature(u(3), 'insights', 1, p_pool_id => p(1)));
SELECT brief(check_feature_limit(u(1), 'insights')), brief(check_feature_limit(u(2), 'insights'));
-- Who is no member, a pool that does not exist, and a plan that has lapsed.
SELECT consume_feature(u(4), 'insights', 1, p_pool_id => p(1)) - '{period,reset_at}'::text[];
SELECT consume_feature(u(1), 'insights', 1, p_pool_id => p(9)) - '{period,reset_at}'::text[];
SELECT brief(reserve_feature(u(1), 'insights', 1, p_pool_id => p(2))), brief(consume_feature(u(1), 'nothing', 1, p_pool_id => p(9))), brief(consume_feature(u(1), 'insights', -1, p_pool_id => p(9)));
UPDATE usage_pools SET status = 'past_due' WHERE pool_id = p(1);
SELECT brief(consume_feature(u(1), 'insights', 1, p_pool_id => p(1)));
UPDATE usage_pools SET status = 'active', is_active = false WHERE pool_id = p(1);
SELECT brief(consume_feature(u(1), 'insights', 1, p_pool_id => p(1)));
UPDATE usage_pools SET is_active = true, plan_id = 'nobody has it' WHERE pool_id = p(1);
SELECT brief(consume_feature(u(1), 'insights', 1, p_pool_id => p(1)));
UPDATE usage_pools SET plan_id = 'team' WHERE pool_id = p(1);
-- A personal plan of 10 stays whole; after the removal nothing is counted, and who comes back finds the count.
DELETE FROM usage_rules WHERE effect = 'deny';
DELETE FROM usage_pool_members WHERE user_id = u(1);
SELECT brief(consume_feature(u(1), 'insights', 1, p_pool_id => p(1))), brief(check_feature_limit(u(1), 'insights', 10));
INSERT INTO usage_pool_members VALUES (p(1), u(1));
SELECT brief(consume_feature(u(1), 'insights', 8, p_pool_id => p(1))), brief(consume_feature(u(1), 'insights', 1, p_pool_id => p(1)));
SELECT * FROM counters;

-- Seats multiply the plan, and what rules of the plan set and add; not what the pool has, and no cap.
INSERT INTO usage_pools (pool_id, plan_id, seats) VALUES (p(11), 'seated', 3);
INSERT INTO usage_pool_members SELECT p(11), u(n) FROM generate_series(1, 2) AS n;
SELECT brief(reserve_feature(u(1), 'insights', 50, '1 second', p_pool_id => p(11)));
SELECT brief(consume_feature(u(2), 'insights', 20, p_pool_id => p(11)));
-- What another member's reservation held is given back, and may be committed late.
UPDATE feature_reservations SET expires_at = clock_timestamp() WHERE pool_id = p(11);
SELECT brief(consume_feature(u(2), 'insights', 60, p_pool_id => p(11)));
SELECT reservation_id AS late FROM feature_reservations WHERE pool_id = p(11) \gset
SELECT commit_reservation(:'late', NULL, u(1)) - '{reservation_id,period}'::text[];
SELECT brief(consume_feature(u(2), 'insights', 1, p_pool_id => p(11))), usage_status(u(2), 'insights', p(11)) #> '{features,insights,excess}', usage_status(u(1), 'insights', p(11)) #> '{features,insights,member_usage}';
SELECT * FROM counters WHERE pool = '11';
INSERT INTO usage_rules (applies_to, plan_id, pool_id, feature_type, effect, amount) VALUES ('plan', 'seated', NULL, 'insights', 'set', 40), ('all', NULL, NULL, 'insights', 'add', 1), ('pool', NULL, p(11), 'insights', 'add', 7);
SELECT usage_status(NULL, 'insights', p(11)) #> '{features,insights,limit}';
INSERT INTO usage_rules (applies_to, pool_id, feature_type, effect, amount) VALUES ('pool', p(11), 'insights', 'set', 40);
SELECT usage_status(NULL, 'insights', p(11)) #> '{features,insights,limit}', usage_status(NULL, 'insights', p(11)) - 'features';
DELETE FROM usage_rules WHERE effect IN ('set', 'add');
INSERT INTO usage_rules (applies_to, plan_id, feature_type, effect, amount, per) VALUES ('plan', 'seated', 'insights', 'cap', 70, 'year');
SELECT usage_status(NULL, 'insights', p(11)) #> '{features,insights,caps,0,limit}';
DELETE FROM usage_rules WHERE effect = 'cap' AND applies_to = 'plan';
-- A pool without a plan has the plan free, per seat, until its trial ends.
INSERT INTO usage_pools (pool_id, seats, trial_end_date) VALUES (p(4), 2, 'infinity');
INSERT INTO usage_pool_members VALUES (p(4), u(1));
SELECT brief(consume_feature(u(1), 'insights', 1, p_pool_id => p(4)));
UPDATE usage_pools SET trial_end_date = now() WHERE pool_id = p(4);
SELECT brief(consume_feature(u(1), 'insights', 1, p_pool_id => p(4)));

-- Also if a cap began after the reservation, for which another member has no row yet, or a row is gone.
INSERT INTO usage_pools (pool_id, plan_id) VALUES (p(12), 'seated');
INSERT INTO usage_pool_members SELECT p(12), u(n) FROM generate_series(1, 3) AS n;
SELECT brief(reserve_feature(u(1), 'insights', 15, p_pool_id => p(12))), brief(consume_feature(u(2), 'insights', 1, p_pool_id => p(12)));
INSERT INTO usage_rules (applies_to, pool_id, feature_type, effect, amount, per) VALUES ('member', p(12), 'insights', 'cap', 19, 'total'), ('pool', p(12), 'insights', 'cap', 100, 'year');
SELECT brief(consume_feature(u(2), 'insights', 1, p_pool_id => p(12)));
UPDATE feature_reservations SET expires_at = clock_timestamp() WHERE pool_id = p(12);
SELECT brief(consume_feature(u(2), 'insights', 17, p_pool_id => p(12))), brief(consume_feature(u(2), 'insights', 1, p_pool_id => p(12)));
SELECT * FROM counters WHERE pool = '12';
SELECT brief(reserve_feature(u(1), 'insights', 1, p_pool_id => p(12)));
UPDATE feature_reservations SET expires_at = clock_timestamp() WHERE pool_id = p(12);
DELETE FROM usage_counters WHERE pool_id = p(12) AND user_id = u(1);
SELECT brief(consume_feature(u(3), 'insights', 1, p_pool_id => p(12)));
SELECT * FROM counters WHERE pool = '12';

-- Grants, a currency, caps per hour and in total, rates of the pool and of members, overage, alerts.
INSERT INTO usage_pools (pool_id, plan_id) VALUES (p(21), 'team');
INSERT INTO usage_pool_members SELECT p(21), u(n) FROM generate_series(1, 3) AS n;
SELECT grant_usage(NULL, 'credits', 100, 'pack of 21', p_pool_id => p(21)) - '{grant_id,effective_at}'::text[];
SELECT grant_usage(NULL, 'credits', 100, 'pack of 21', p_pool_id => p(21)) ->> 'replayed', grant_usage(u(21), 'credits', 100, 'pack of 21') ->> 'error_code', grant_usage(NULL, 'credits', 1, 'no pool', p_pool_id => p(99)) - 'source_ref';
INSERT INTO usage_rules (applies_to, plan_id, pool_id, feature_type, effect, amount, per, every, paid_in) VALUES
    ('plan', 'team', NULL, 'tokens', 'cost', 5, 'period', NULL, 'credits'),
    ('pool', NULL, p(21), 'tokens', 'cap', 20, 'total', NULL, NULL), ('member', NULL, p(21), 'tokens', 'cap', 12, 'total', NULL, NULL),
    ('pool', NULL, p(21), 'tokens', 'cap', 15, 'rate', '1 day', NULL), ('member', NULL, p(21), 'tokens', 'cap', 11, 'rate', '1 hour', NULL),
    ('member', NULL, p(21), 'credits', 'cap', 70, 'week', NULL, NULL),
    ('pool', NULL, p(21), 'credits', 'warn', 80, 'period', NULL, NULL), ('pool', NULL, p(21), 'credits', 'low', 80, 'period', NULL, NULL),
    ('all', NULL, NULL, 'tokens', 'log', NULL, 'period', NULL, NULL), ('all', NULL, NULL, 'credits', 'log', NULL, 'period', NULL, NULL);
SELECT brief(consume_feature(u(1), 'tokens', 8, p_pool_id => p(21), p_metadata => '{"job": 1}'));
SELECT brief(reserve_feature(u(1), 'tokens', 3, p_pool_id => p(21)));
SELECT brief(consume_feature(u(1), 'tokens', 4, p_pool_id => p(21)));
SELECT brief(consume_feature(u(2), 'tokens', 5, p_pool_id => p(21))), brief(consume_feature(u(2), 'tokens', 4, p_pool_id => p(21)));
SELECT * FROM counters WHERE pool = '21';
SELECT kind, threshold, usage, limit_value, user_id, right(pool_id::text, 2) FROM usage_alerts ORDER BY alert_id;
SELECT reservation_id AS open FROM feature_reservations WHERE pool_id = p(21) AND status = 'reserved' \gset
SELECT sources #- '{paid,period}' #- '{paid,grants,0,0}' #- '{paid,member_windows,0,1}' FROM feature_reservations WHERE reservation_id = :'open';
SELECT release_reservation(:'open') ->> 'released';
SELECT * FROM counters WHERE pool = '21';
SELECT kind, right(user_id::text, 2), right(pool_id::text, 2), feature_type, amount FROM usage_ledger ORDER BY entry_id;
SELECT right(user_id::text, 2), right(pool_id::text, 2), feature_type, amount, overage, entries FROM usage_report(now() - interval '40 days', now() + interval '1 day', 'period') WHERE feature_type IN ('tokens', 'credits');
SELECT right(user_id::text, 2), right(pool_id::text, 2), feature_type, amount, overage, entries FROM usage_report(now() - interval '1 day', now() + interval '1 day', 'month', p_pool_id => p(21));
SELECT used FROM usage_grants;
SELECT status - '{period,reset_at,caps}'::text[], (SELECT string_agg(concat_ws(' ', c ->> 'scope', c ->> 'per', concat(c ->> 'used', '/', c ->> 'limit')), ', ') FROM jsonb_array_elements(status -> 'caps') AS c)
  FROM jsonb_extract_path(usage_status(u(2), 'tokens', p(21)), 'features', 'tokens') AS status;

-- Batches: events of a pool and of users, once each by their keys; all or nothing.
SELECT record_usage(jsonb_build_array(
    jsonb_build_object('user_id', u(2), 'pool_id', p(21), 'feature_type', 'insights', 'amount', 2, 'idempotency_key', 'a'),
    jsonb_build_object('user_id', u(2), 'pool_id', p(21), 'feature_type', 'insights', 'amount', 2, 'idempotency_key', 'a'),
    jsonb_build_object('user_id', u(3), 'pool_id', p(21), 'feature_type', 'insights', 'amount', 200),
    jsonb_build_object('user_id', u(2), 'pool_id', p(21), 'feature_type', 'tokens', 'amount', 1),
    jsonb_build_object('user_id', u(2), 'feature_type', 'insights', 'amount', 3))), record_usage(jsonb_build_array(
    jsonb_build_object('user_id', u(2), 'pool_id', p(21), 'feature_type', 'insights', 'amount', 2, 'idempotency_key', 'a')));
SELECT * FROM counters WHERE pool = '21' AND feature_type = 'insights';
SELECT insights_count FROM feature_usage WHERE user_id = u(2);
SELECT test.outcome(format('SELECT record_usage(%L)', jsonb_build_array(jsonb_build_object('user_id', u(1), 'feature_type', 'insights', 'amount', 1), event))) FROM (VALUES
    (jsonb_build_object('user_id', u(9), 'pool_id', p(21), 'feature_type', 'insights', 'amount', 1)), (jsonb_build_object('user_id', u(1), 'pool_id', p(99), 'feature_type', 'insights', 'amount', 1)),
    (jsonb_build_object('user_id', u(1), 'pool_id', p(0), 'feature_type', 'insights', 'amount', 1)), (jsonb_build_object('user_id', u(1), 'pool_id', 7, 'feature_type', 'insights', 'amount', 1)),
    (jsonb_build_object('user_id', u(2), 'pool_id', p(1), 'feature_type', 'insights', 'amount', 2, 'idempotency_key', 'a'))) AS events (event);
SELECT count(*) FROM feature_usage WHERE user_id = u(1);

-- An idempotency key names the pool as well.
SELECT brief(consume_feature(u(2), 'image_generation', 1, 'k', p_pool_id => p(21))), consume_feature(u(2), 'image_generation', 1, 'k', p_pool_id => p(21)) ->> 'replayed', consume_feature(u(2), 'image_generation', 1, 'k') ->> 'error_code', consume_feature(u(2), 'image_generation', 1, 'k', p_pool_id => p(1)) ->> 'error_code';

-- A correction is of the pool's counter, and of a member's part of it.
SELECT correct_usage(u(3), 'insights', -50, 'a test run', p_pool_id => p(21), p_idempotency_key => 'once') - 'period', correct_usage(u(3), 'insights', -50, 'a test run', p_pool_id => p(21), p_idempotency_key => 'once') ->> 'replayed';
SELECT test.outcome($$correct_usage(NULL, 'insights', -2, 'nobody''s', p_pool_id => p(21), p_idempotency_key => 'k')$$), test.outcome($$correct_usage(u(3), 'insights', -50, 'a test run', p_idempotency_key => 'once')$$);
SELECT correct_usage(NULL, 'insights', -2, 'nobody''s', p_pool_id => p(21)) ->> 'current_usage', correct_usage(NULL, 'insights', -1000, 'too much', p_pool_id => p(21)) ->> 'error_code', correct_usage(NULL, 'insights', 1, 'no pool', p_pool_id => p(99)) ->> 'error_code';
SELECT * FROM counters WHERE pool = '21' AND feature_type = 'insights';
-- Of a member's part, only what that member has used and does not hold.
INSERT INTO usage_pools (pool_id, plan_id) VALUES (p(13), 'team');
INSERT INTO usage_pool_members SELECT p(13), u(n) FROM generate_series(1, 3) AS n;
SELECT brief(consume_feature(u(1), 'insights', 5, p_pool_id => p(13))), brief(consume_feature(u(2), 'insights', 2, p_pool_id => p(13))), brief(reserve_feature(u(3), 'insights', 4, p_pool_id => p(13)));
SELECT correct_usage(u(2), 'insights', -5, 'x', p_pool_id => p(13)) ->> 'error_code', correct_usage(u(3), 'insights', -1, 'x', p_pool_id => p(13)) ->> 'error_code', correct_usage(u(2), 'insights', -2, 'x', p_pool_id => p(13)) ->> 'corrected',
       test.outcome($$correct_usage(u(2), 'insights', 9223372036854775807, 'x', p_pool_id => p(13))$$);
UPDATE feature_reservations SET expires_at = clock_timestamp() WHERE pool_id = p(13);
SELECT correct_usage(NULL, 'insights', -5, 'after an expiry', p_pool_id => p(13)) ->> 'current_usage';
SELECT * FROM counters WHERE pool = '13';
-- Who has left a pool may repeat a batch, but not add to it.
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(3), 'pool_id', p(13), 'feature_type', 'insights', 'amount', 1, 'idempotency_key', 'left')));
DELETE FROM usage_pool_members WHERE pool_id = p(13) AND user_id = u(3);
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(3), 'pool_id', p(13), 'feature_type', 'insights', 'amount', 1, 'idempotency_key', 'left')));
SELECT test.outcome(format('record_usage(%L)', jsonb_build_array(jsonb_build_object('user_id', u(3), 'pool_id', p(13), 'feature_type', 'insights', 'amount', 1))));

-- What is left of a period is carried over to the pool. Its zone and anchor are its own.
UPDATE usage_pools SET time_zone = 'Asia/Tokyo', period_anchor = '2025-01-31' WHERE pool_id = p(21);
SELECT carry_over_usage(NULL, 'insights', '2001-01', 30, p_pool_id => p(21)) - 'grant_id', carry_over_usage(NULL, 'insights', '2001-01', 30, p_pool_id => p(21)) ->> 'replayed', carry_over_usage(u(21), 'insights', '2001-01', 30) ->> 'carried', carry_over_usage(NULL, 'insights', '2001-01', 30, p_pool_id => p(99));
SELECT source_ref, amount, right(user_id::text, 2), right(pool_id::text, 2) FROM usage_grants WHERE source_ref LIKE 'carry:%' ORDER BY 1;
SELECT usage_period(u(1), 'image_generation', '2025-02-10T15:00:00Z', p(21)) ->> 'period', usage_period(NULL, 'image_generation', '2025-02-10T14:59:59Z', p(21)) ->> 'period', usage_period(u(1), 'image_generation', '2025-02-10T15:00:00Z') ->> 'period';
SELECT add_feature('minutes', 'billing_month');
-- A period of an earlier anchor can be corrected if it has a counter.
INSERT INTO usage_counters (pool_id, user_id, feature_type, period, used) VALUES (p(21), u(0), 'minutes', '2001-01-15/P1M', 7);
SELECT correct_usage(NULL, 'minutes', -7, 'x', '2001-01-15/P1M', p(21)) ->> 'corrected', test.outcome($$correct_usage(NULL, 'minutes', 1, 'x', '2001-01-16/P1M', p(21))$$);
DELETE FROM usage_counters WHERE period = '2001-01-15/P1M';
-- A day of the pool's zone is not pruned before it has ended there.
INSERT INTO usage_counters (pool_id, user_id, feature_type, period, used) VALUES (p(21), u(0), 'chat', to_char((now() - interval '1 day') AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 1);
SELECT prune_feature_usage('0', '0') -> 'windows', (SELECT count(*) FROM usage_counters WHERE feature_type = 'chat');
DELETE FROM usage_counters WHERE feature_type = 'chat';
SELECT usage_period(u(1), 'minutes', '2025-03-01', p(21)) ->> 'period', usage_period(u(1), 'minutes', '2025-03-01') ->> 'period';

-- Bad input.
SELECT statement, test.outcome(statement) FROM (VALUES
    (1, $$SELECT consume_feature(NULL, 'chat', 1, p_pool_id => p(1))$$), (2, $$SELECT consume_feature(u(1), 'chat', 1, p_pool_id => u(0))$$),
    (3, $$SELECT consume_feature(u(0), 'chat', 1, p_pool_id => p(1))$$), (4, $$SELECT grant_usage(NULL, 'chat', 1, 'x')$$),
    (5, $$SELECT grant_usage(u(1), 'chat', 1, 'x', p_pool_id => p(1))$$), (6, $$SELECT grant_usage(NULL, 'chat', 1, 'x', p_pool_id => u(0))$$),
    (7, $$SELECT carry_over_usage(u(1), 'insights', '2001-01', 1, p_pool_id => p(1))$$), (8, $$SELECT correct_usage(NULL, 'chat', 1, 'x')$$),
    (9, $$SELECT usage_status(NULL)$$), (10, $$SELECT usage_status(u(0), NULL, p(1))$$), (11, $$SELECT usage_period(NULL, 'chat')$$)) AS bad (n, statement) ORDER BY n;
\set VERBOSITY terse
INSERT INTO usage_pools (pool_id) VALUES (u(0));
INSERT INTO usage_pools (pool_id, seats) VALUES (p(3), 0);
INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('pool', 'chat', 'deny');
INSERT INTO usage_rules (applies_to, pool_id, feature_type, effect, amount) VALUES ('member', p(1), 'chat', 'set', 1);
INSERT INTO usage_rules (applies_to, pool_id, user_id, feature_type, effect) VALUES ('pool', p(1), u(1), 'chat', 'deny');
INSERT INTO usage_rules (applies_to, pool_id, feature_type, effect) VALUES ('all', p(1), 'chat', 'deny');
INSERT INTO usage_grants (user_id, pool_id, feature_type, amount, source_ref) VALUES (u(1), p(1), 'chat', 1, 'both');
INSERT INTO usage_grants (feature_type, amount, source_ref) VALUES ('chat', 1, 'neither');
INSERT INTO usage_alerts (user_id, pool_id, feature_type, period, kind, threshold, usage) VALUES (u(1), p(1), 'chat', '', 'low', 1, 1);
\set VERBOSITY default
SELECT test.sqlstate($$UPDATE usage_grants SET pool_id = u(2) WHERE source_ref = 'pack of 21'$$);
SELECT usage_status(u(1), 'chat', p(99)) #> '{features,chat,error_code}', usage_status(u(9), 'chat', p(1)) #> '{features,chat,error_code}';

-- Pools and members as views over an app's own tables. A view's seats that are NULL are none; without the column it is one.
CREATE TABLE organizations (id uuid PRIMARY KEY, plan text, seats smallint);
CREATE TABLE memberships (organization uuid, member uuid, accepted boolean);
INSERT INTO organizations VALUES (p(31), 'seated', 2), (p(32), 'seated', NULL);
INSERT INTO memberships VALUES (p(31), u(1), true), (p(31), u(2), false), (p(32), u(1), true);
BEGIN;
DROP TABLE usage_pools, usage_pool_members CASCADE;
CREATE VIEW usage_pools WITH (security_invoker = on) AS SELECT id AS pool_id, plan AS plan_id, true AS is_active, 'active' AS status, NULL::timestamptz AS trial_end_date, seats FROM organizations;
CREATE VIEW usage_pool_members WITH (security_invoker = on) AS SELECT organization AS pool_id, member AS user_id FROM memberships WHERE accepted;
SELECT feature_usage_setup();
COMMIT;
SELECT brief(consume_feature(u(1), 'insights', 5, p_pool_id => p(31))), brief(consume_feature(u(2), 'insights', 5, p_pool_id => p(31))), brief(consume_feature(u(1), 'insights', 1, p_pool_id => p(32))), brief(consume_feature(u(1), 'insights', 1, p_pool_id => p(1)));
CREATE OR REPLACE VIEW usage_pools WITH (security_invoker = on) AS SELECT id AS pool_id, plan AS plan_id, true AS is_active, 'active' AS status, NULL::timestamptz AS trial_end_date, seats FROM organizations UNION ALL SELECT id, plan, true, 'active', NULL, seats FROM organizations;
SELECT test.outcome($$SELECT consume_feature(u(1), 'insights', 1, p_pool_id => p(31))$$);
DROP VIEW usage_pools;
CREATE VIEW usage_pools WITH (security_invoker = on) AS SELECT id AS pool_id, plan AS plan_id, true AS is_active, 'active' AS status, NULL::timestamptz AS trial_end_date FROM organizations;
SELECT feature_usage_setup();
SELECT brief(consume_feature(u(1), 'insights', 1, p_pool_id => p(31)));
DROP VIEW usage_pools;
SELECT test.outcome($$SELECT consume_feature(u(1), 'insights', 1, p_pool_id => p(31))$$);

-- Pruning leaves what is current, and rows of pools by themselves.
SELECT feature_usage_setup();
SELECT prune_feature_usage('0', '0') - '{idempotency_keys,reservations}'::text[];
INSERT INTO usage_counters (pool_id, user_id, feature_type, period, used) VALUES (p(21), u(0), 'insights', '2001-01', 1), (p(21), u(2), 'insights', '2001-01', 1), (p(21), u(2), 'tokens', '2001-01-01T00', 1);
SELECT prune_feature_usage('0') -> 'windows', prune_feature_usage('0', '0') -> 'windows';
\c :home
DROP DATABASE feature_usage_usage_pools;

-- Pools through the API: what members, other users, the server and anon may read and write.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_pools
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
SET ROLE app_owner;
CREATE EXTENSION feature_usage;
RESET ROLE;
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
INSERT INTO auth.users SELECT u(n) FROM generate_series(1, 3) AS n;
\pset tuples_only on
SET ROLE service_role;
INSERT INTO plan_limits (plan_id, insights_limit) VALUES ('team', 50);
INSERT INTO usage_pools (pool_id, plan_id) VALUES (u(11), 'team'), (u(12), 'team');
INSERT INTO usage_pool_members VALUES (u(11), u(1)), (u(11), u(2)), (u(12), u(3));
INSERT INTO usage_rules (applies_to, pool_id, user_id, feature_type, effect, amount) VALUES ('pool', u(11), NULL, 'insights', 'add', 1), ('member', u(11), NULL, 'insights', 'cap', 30),
    ('member', u(11), u(1), 'insights', 'cap', 31), ('member', u(11), u(2), 'insights', 'cap', 32), ('pool', u(12), NULL, 'insights', 'add', 2), ('all', NULL, NULL, 'insights', 'log', NULL);
SELECT grant_usage(NULL, 'insights', 5, 'g' || n, p_pool_id => u(n)) ->> 'granted' FROM generate_series(11, 12) AS n;
SELECT consume_feature(u(n), 'insights', n, p_pool_id => u(pool)) ->> 'consumed' FROM (VALUES (1, 11), (2, 11), (3, 12)) AS calls (n, pool);
SELECT correct_usage(u(2), 'insights', -1, 'a mistake', p_pool_id => u(11), p_idempotency_key => 'k') ->> 'corrected', correct_usage(u(2), 'insights', -1, 'a mistake', p_pool_id => u(11), p_idempotency_key => 'k') ->> 'replayed';
SELECT correct_usage(u(2), 'insights', 1, 'it was none', p_pool_id => u(11)) ->> 'current_usage';

-- User 1 is signed in: their pool, its rules but not those of another member, its grants, its total, and
-- their own part of it.
SET ROLE authenticated;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "authenticated"}', false) IS NOT NULL;
SELECT right(pool_id::text, 2), plan_id, seats FROM usage_pools;
SELECT right(pool_id::text, 2), right(user_id::text, 2) FROM usage_pool_members;
SELECT applies_to, right(pool_id::text, 2), right(user_id::text, 2), effect, amount FROM usage_rules ORDER BY effect, amount;
SELECT right(pool_id::text, 2), right(user_id::text, 2), source_ref, amount FROM usage_grants;
SELECT right(pool_id::text, 2), right(user_id::text, 2), used FROM usage_counters ORDER BY user_id;
SELECT right(pool_id::text, 2), right(user_id::text, 2), kind, amount FROM usage_ledger;
SELECT right(pool_id::text, 2), right(user_id::text, 2), amount FROM usage_report(now() - interval '40 days', now() + interval '1 day', 'period');
SELECT right(pool_id::text, 2), right(user_id::text, 2), amount FROM usage_report(now() - interval '1 day', now() + interval '1 day', 'month');
SELECT status ->> 'limit', status ->> 'current_usage', status ->> 'member_usage', jsonb_array_length(status -> 'grants'), status ->> 'error_code'
  FROM (VALUES (u(1), u(11)), (u(2), u(11)), (u(1), u(12)), (NULL, u(11)), (NULL, u(12))) AS asked (user_id, pool_id), jsonb_extract_path(usage_status(asked.user_id, 'insights', asked.pool_id), 'features', 'insights') AS status;
SELECT usage_period(u(1), 'insights', '2025-02-10', u(11)) ->> 'period';
-- What nobody but the server may do: 42501.
SELECT statement, test.sqlstate(statement) FROM (VALUES
    ($$SELECT consume_feature(u(1), 'insights', 1, p_pool_id => u(11))$$), ($$SELECT grant_usage(NULL, 'insights', 1, 'x', p_pool_id => u(11))$$), ($$SELECT correct_usage(u(1), 'insights', -1, 'x', p_pool_id => u(11))$$),
    ($$INSERT INTO usage_pools (pool_id) VALUES (u(13))$$), ($$UPDATE usage_pools SET seats = 100$$), ($$DELETE FROM usage_pools$$), ($$TRUNCATE usage_pools$$),
    ($$INSERT INTO usage_pool_members VALUES (u(12), u(1))$$), ($$UPDATE usage_pool_members SET pool_id = u(12)$$), ($$DELETE FROM usage_pool_members$$)) AS calls (statement);
SET ROLE anon;
SELECT test.sqlstate('SELECT 1 FROM usage_pools'), test.sqlstate('SELECT 1 FROM usage_pool_members'), test.sqlstate($$SELECT usage_status(u(1), 'insights', u(11))$$);
RESET ROLE;

-- A view that shows every membership is not granted: signed-in users then see no pool, but all of their own.
BEGIN;
CREATE TABLE memberships AS SELECT * FROM usage_pool_members;
ALTER TABLE memberships OWNER TO app_owner;
SET ROLE app_owner;
DROP TABLE usage_pool_members CASCADE;
CREATE VIEW usage_pool_members AS SELECT * FROM memberships;
SELECT feature_usage_setup();
COMMIT;
SELECT tablename, qual LIKE '%usage_pool_members%' FROM pg_policies WHERE 'authenticated' = ANY (roles) AND tablename IN ('usage_pools', 'usage_rules', 'usage_grants', 'usage_counters') ORDER BY tablename;
SET ROLE authenticated;
SELECT test.sqlstate('SELECT 1 FROM usage_pool_members'), (SELECT count(*) FROM usage_pools), (SELECT count(*) FROM usage_grants), (SELECT count(*) FROM usage_counters), (SELECT count(*) FROM usage_rules);
-- With security_invoker it is granted, and the policies are made again.
SET ROLE app_owner;
ALTER VIEW usage_pool_members SET (security_invoker = on);
ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON memberships TO authenticated USING (user_id = (SELECT auth.uid()));
GRANT SELECT ON memberships TO authenticated, service_role;
SELECT feature_usage_setup();
SELECT tablename, qual LIKE '%usage_pool_members%' FROM pg_policies WHERE 'authenticated' = ANY (roles) AND tablename IN ('usage_pools', 'usage_rules', 'usage_grants', 'usage_counters') ORDER BY tablename;
SET ROLE authenticated;
SELECT (SELECT count(*) FROM usage_pool_members), (SELECT count(*) FROM usage_pools), (SELECT count(*) FROM usage_grants), (SELECT count(*) FROM usage_counters), (SELECT count(*) FROM usage_rules);
-- But not if what it reads may not be read: then signed-in users could read nothing at all.
SET ROLE app_owner;
REVOKE SELECT ON memberships FROM authenticated;
SELECT feature_usage_setup();
SET ROLE authenticated;
SELECT (SELECT count(*) FROM usage_pools), (SELECT count(*) FROM usage_counters), usage_status(u(1), 'insights') ->> 'plan_id';
SET ROLE app_owner;
GRANT SELECT ON memberships TO authenticated;
SELECT feature_usage_setup();
RESET ROLE;
-- A member who is deleted takes the membership along; what was counted stays, even after pruning.
BEGIN;
SET ROLE app_owner;
DROP VIEW usage_pool_members CASCADE;
SELECT feature_usage_setup();
RESET ROLE;
INSERT INTO usage_pool_members SELECT * FROM memberships;
DELETE FROM auth.users WHERE id = u(1);
SELECT count(*) FROM usage_pool_members WHERE user_id = u(1);
SELECT prune_feature_usage('0');
SELECT right(pool_id::text, 2), right(user_id::text, 2), used FROM usage_counters ORDER BY pool_id, user_id;
ROLLBACK;
\c :home
DROP DATABASE feature_usage_pools;

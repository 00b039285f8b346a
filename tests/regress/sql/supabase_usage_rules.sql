-- Rules and their counters through the API: who reads and writes them, and that a signed-in user's
-- answers know them.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_usage_rules
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
SET ROLE app_owner;
CREATE EXTENSION feature_usage;
RESET ROLE;
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
INSERT INTO auth.users SELECT u(n) FROM generate_series(1, 3) AS n;
SET ROLE service_role;
INSERT INTO plan_limits (plan_id, insights_limit, is_active) VALUES ('pro', 50, true), ('old', 5, false);
INSERT INTO user_plans (user_id, plan_id) VALUES (u(1), 'pro'), (u(2), 'pro');

-- The server writes rules, as it writes plans. It needs no right to write the registry.
INSERT INTO usage_rules (applies_to, plan_id, user_id, feature_type, effect, amount, per, every, reason, actor, source_ref) VALUES
    ('all', NULL, NULL, 'insights', 'cap', 20, 'total', NULL, 'for all', 'ops', NULL),
    ('plan', 'pro', NULL, 'insights', 'add', 5, 'period', NULL, 'of the plan', 'ops', NULL),
    ('plan', 'old', NULL, 'insights', 'add', 6, 'period', NULL, 'of the old plan', 'ops', NULL),
    ('plan', 'gone', NULL, 'insights', 'add', 7, 'period', NULL, 'of no plan', 'ops', NULL),
    ('user', NULL, u(1), 'insights', 'set', 30, 'period', NULL, 'of user 1', 'stripe', 'pi_1'),
    ('user', NULL, u(2), 'insights', 'cap', 2, 'rate', '1 day', 'of user 2', 'stripe', 'pi_2');
UPDATE usage_rules SET amount = 31 WHERE source_ref = 'pi_1';
SELECT feature_type FROM usage_features WHERE is_governed;
SELECT consume_feature(u(n), 'insights', 2) ->> 'consumed' AS consumed FROM generate_series(1, 2) AS n;
SELECT count(*) AS rules, count(reason) AS reasons FROM usage_rules;
SELECT right(user_id::text, 1) AS user, period, used, tat IS NOT NULL AS has_tat FROM usage_counters ORDER BY user_id, period COLLATE "C";

-- User 1 is signed in: their own rules, those for all and those of active plans, without reason and actor.
SET ROLE authenticated;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "authenticated"}', false) IS NOT NULL AS is_signed_in;
SELECT applies_to, plan_id, right(user_id::text, 1) AS user, effect, amount, source_ref FROM usage_rules ORDER BY effect, amount;
SELECT rule_id IS NOT NULL AS has_id, feature_type, per, every, starts_at <= now() AS begun, ends_at, created_at <= now() AS made FROM usage_rules WHERE user_id IS NOT NULL;
SELECT right(user_id::text, 1) AS user, feature_type, period, used FROM usage_counters;
-- The answers know the rules. Another user is answered as a user without rows.
\pset tuples_only on
SELECT n, test.brief_rules(check_feature_limit(u(n), 'insights')) FROM generate_series(1, 2) AS n;
SELECT n, limits #> '{limits,plan_id}', limits #> '{limits,insights}', limits #> '{usage,insights_count}' FROM generate_series(1, 2) AS n, get_user_limits(u(n)) AS limits;
SELECT n, status - '{period,reset_at}'::text[] FROM generate_series(1, 2) AS n, jsonb_extract_path(usage_status(u(n), 'insights'), 'features', 'insights') AS status;
SELECT usage_status(u(2), 'insights') ->> 'plan_id', usage_period(u(1), 'insights', '2025-02-10') ->> 'period';
-- What nobody but the server may do: 42501.
SELECT statement, test.sqlstate(statement) FROM (VALUES
    (1, $$SELECT reason FROM usage_rules$$),
    (2, $$SELECT actor FROM usage_rules$$),
    (3, $$SELECT * FROM usage_rules$$),
    (4, $$SELECT 1 FROM usage_rules WHERE reason LIKE 'of user%'$$),
    (5, $$SELECT 1 FROM usage_rules ORDER BY actor$$),
    (6, $$INSERT INTO usage_rules (applies_to, user_id, feature_type, effect) VALUES ('user', u(1), 'chat', 'set')$$),
    (7, $$INSERT INTO usage_rules DEFAULT VALUES$$),
    (8, $$UPDATE usage_rules SET amount = NULL$$),
    (9, $$UPDATE usage_rules SET ends_at = now()$$),
    (10, $$DELETE FROM usage_rules$$),
    (11, $$TRUNCATE usage_rules$$),
    (12, $$SELECT rule_id FROM usage_rules FOR UPDATE$$),
    (13, $$INSERT INTO usage_counters (user_id, feature_type, period) VALUES (u(1), 'insights', '2025')$$),
    (14, $$UPDATE usage_counters SET used = 0$$),
    (15, $$DELETE FROM usage_counters$$),
    (16, $$TRUNCATE usage_counters$$),
    (17, $$UPDATE usage_features SET is_governed = false$$),
    (18, $$UPDATE user_plans SET time_zone = 'Pacific/Kiritimati'$$),
    (19, $$UPDATE user_plans SET period_anchor = now()$$),
    (20, $$SELECT consume_feature(u(1), 'insights')$$),
    (21, $$SELECT feature_usage_internal.govern_feature()$$)
  ) AS attempts (n, statement) ORDER BY n;

-- No user is signed in: the rules for all and of active plans, no counters.
SELECT set_config('request.jwt.claims', '', false) IS NOT NULL;
SELECT applies_to, effect, amount FROM usage_rules ORDER BY effect;
SELECT count(*) FROM usage_counters;
-- A deny for all and for a user hold for checks of the user too.
SET ROLE service_role;
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect) VALUES ('user', u(1), 'insights', 'deny');
SET ROLE authenticated;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "authenticated"}', false) IS NOT NULL;
SELECT n, check_feature_limit(u(n), 'insights', 0) ->> 'error_code' FROM generate_series(1, 2) AS n;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000002", "role": "authenticated"}', false) IS NOT NULL;
SELECT n, check_feature_limit(u(n), 'insights', 0) ->> 'error_code' FROM generate_series(1, 2) AS n;
SELECT n, test.brief_rules(check_feature_limit(u(n), 'insights', 1)) -> 'caps' FROM generate_series(1, 2) AS n;

-- anon has nothing.
SET ROLE anon;
SELECT statement, test.sqlstate(statement) FROM (VALUES
    (1, $$SELECT rule_id FROM usage_rules$$),
    (2, $$SELECT count(*) FROM usage_rules$$),
    (3, $$INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'chat', 'set')$$),
    (4, $$SELECT used FROM usage_counters$$),
    (5, $$DELETE FROM usage_counters$$),
    (6, $$SELECT usage_status(u(1))$$),
    (7, $$SELECT usage_period(u(1), 'chat')$$)
  ) AS attempts (n, statement) ORDER BY n;
-- The server: everything but TRUNCATE and triggers.
SET ROLE service_role;
SELECT statement, test.sqlstate(statement) FROM (VALUES
    (1, $$UPDATE usage_counters SET used = used$$),
    (2, $$INSERT INTO usage_counters (user_id, feature_type, period) VALUES (u(3), 'insights', '2025')$$),
    (3, $$DELETE FROM usage_counters WHERE user_id = u(3)$$),
    (4, $$INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'videos', 'deny')$$),
    (5, $$INSERT INTO usage_rules (applies_to, user_id, feature_type, effect) VALUES ('user', u(9), 'chat', 'deny')$$),
    (6, $$TRUNCATE usage_rules$$),
    (7, $$TRUNCATE usage_counters$$),
    (8, $$UPDATE usage_features SET is_governed = false$$),
    (9, $$DELETE FROM usage_rules WHERE effect = 'deny'$$)
  ) AS attempts (n, statement) ORDER BY n;
-- A time zone that the server writes makes calls read it.
UPDATE user_plans SET time_zone = 'Pacific/Kiritimati', period_anchor = '2025-01-31' WHERE user_id = u(1);
SELECT bool_and(reads_calendars) FROM usage_features;
SET ROLE authenticated;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "authenticated"}', false) IS NOT NULL;
SELECT n, usage_period(u(n), 'insights', '2025-01-31T12:00:00Z') ->> 'period' FROM generate_series(1, 2) AS n;

-- A user who is deleted takes their rules along, and prune_feature_usage() their windows.
RESET ROLE;
DELETE FROM auth.users WHERE id = u(2);
SELECT applies_to, right(user_id::text, 1), effect FROM usage_rules ORDER BY created_at, amount;
SELECT right(user_id::text, 1), period FROM usage_counters ORDER BY user_id, period COLLATE "C";
SET ROLE app_owner;
SELECT prune_feature_usage();
RESET ROLE;
SELECT right(user_id::text, 1), period FROM usage_counters ORDER BY user_id, period COLLATE "C";
-- With a view in place of plan_limits, the setup makes the policy read the view.
SET ROLE app_owner;
ALTER TABLE plan_limits RENAME TO old_limits;
CREATE VIEW plan_limits WITH (security_invoker = on) AS SELECT * FROM old_limits;
SELECT feature_usage_setup();
SELECT qual LIKE '%FROM plan_limits pl%' AS reads_the_view FROM pg_policies WHERE policyname = 'usage_rules_readable_rows';
RESET ROLE;
\c :home
DROP DATABASE feature_usage_usage_rules;

-- set_user_plan with Supabase's roles: the server sets plans, users do not; a user must exist.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_set_plan
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
SET ROLE app_owner;
CREATE EXTENSION feature_usage;
INSERT INTO plan_limits (plan_id, image_generation_daily_limit, is_active) VALUES ('pro', 50, true), ('hidden', 5, false);
INSERT INTO auth.users VALUES ('00000000-0000-0000-0000-000000000001');
SET ROLE service_role;
SELECT set_user_plan('00000000-0000-0000-0000-000000000001', 'pro');
SELECT set_user_plan('00000000-0000-0000-0000-000000000001', 'hidden') ->> 'plan_id' AS plan_id;
SELECT set_user_plan('00000000-0000-0000-0000-000000000001', 'gold');
SELECT set_user_plan('ffffffff-ffff-ffff-ffff-ffffffffffff', 'pro');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
-- Members of service_role do not inherit BYPASSRLS; a policy grants them access.
CREATE ROLE regress_webhook;
GRANT service_role TO regress_webhook;
SET ROLE regress_webhook;
SELECT set_user_plan('00000000-0000-0000-0000-000000000001', 'pro') ->> 'plan_id' AS plan_id;
RESET ROLE;
DROP ROLE regress_webhook;
-- Nobody else.
SET ROLE authenticated;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "authenticated"}', false) IS NOT NULL AS is_signed_in;
SELECT set_user_plan('00000000-0000-0000-0000-000000000001', 'pro');
\echo :LAST_ERROR_SQLSTATE
SET ROLE anon;
SELECT set_user_plan('00000000-0000-0000-0000-000000000001', 'pro');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT role, rights FROM test.function_rights WHERE name = 'set_user_plan' AND role IN ('app_owner', 'service_role', 'authenticated', 'anon', 'public') ORDER BY role COLLATE "C";
SELECT plan_id, is_active, status FROM user_plans;
\c :home
DROP DATABASE feature_usage_set_plan;

-- user_plans as a view over profiles, read by a signed-in user. The view must be security_invoker:
-- otherwise it would show every user's plan to everybody.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_view
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
SET ROLE app_owner;
CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE, plan_id text, is_active boolean, status text, trial_end_date timestamptz);
ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_profile ON profiles FOR SELECT TO authenticated USING (id = (SELECT auth.uid()));
INSERT INTO auth.users VALUES ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000002');
INSERT INTO profiles VALUES ('00000000-0000-0000-0000-000000000001', 'pro', true, 'active'), ('00000000-0000-0000-0000-000000000002', 'pro', true, 'active');
CREATE VIEW user_plans WITH (security_invoker = on) AS SELECT id AS user_id, plan_id, is_active, status, trial_end_date FROM profiles;
CREATE EXTENSION feature_usage;
INSERT INTO plan_limits (plan_id, image_generation_daily_limit) VALUES ('pro', 50);

SET ROLE authenticated;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001"}', false) IS NOT NULL AS is_signed_in;
SELECT right(user_id::text, 1) AS user, plan_id FROM user_plans;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'limit' AS limit;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000002', 'image_generation', 1, '2025-02-10') ->> 'limit' AS limit;
SELECT get_user_limits('00000000-0000-0000-0000-000000000001') #>> '{limits,plan_id}' AS plan_id;
SET ROLE service_role;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000002', 'image_generation', 1, '2025-02-10') ->> 'limit' AS limit;
RESET ROLE;
SELECT role, rights FROM test.table_rights WHERE name = 'user_plans' AND role IN ('service_role', 'authenticated', 'anon', 'public') ORDER BY role COLLATE "C";

-- A view that runs with its owner's rights is not granted; the warning says how to fix it.
SET ROLE app_owner;
ALTER VIEW user_plans SET (security_invoker = off);
SELECT feature_usage_setup();
RESET ROLE;
SELECT role, rights FROM test.table_rights WHERE name = 'user_plans' AND role IN ('service_role', 'authenticated', 'anon', 'public') ORDER BY role COLLATE "C";
SET ROLE authenticated;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SET ROLE app_owner;
ALTER VIEW user_plans RESET (security_invoker);
SELECT feature_usage_setup();
ALTER VIEW user_plans SET (security_invoker = true);
SELECT feature_usage_setup();
SET ROLE authenticated;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'limit' AS limit;
RESET ROLE;
-- Every spelling of "off" and of "on" is recognised.
CREATE FUNCTION pg_temp.rights_of_authenticated(spelling text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER VIEW user_plans SET (security_invoker = %L)', spelling);
    PERFORM feature_usage_setup();
    RETURN (SELECT rights FROM test.table_rights WHERE name = 'user_plans' AND role = 'authenticated');
END
$$;
SET client_min_messages = error;
SELECT spelling, pg_temp.rights_of_authenticated(spelling) AS rights
  FROM unnest(ARRAY['off', 'false', 'no', '0', 'OFF', 'False', 'No', 'f', 'n', 'of', 'fal']) AS spelling;
SELECT spelling, pg_temp.rights_of_authenticated(spelling) AS rights
  FROM unnest(ARRAY['on', 'true', 'yes', '1', 'ON', 'True', 'Yes', 't', 'y', 'tr']) AS spelling;
RESET client_min_messages;
\c :home
DROP DATABASE feature_usage_view;

-- Rights on Supabase, whose default privileges grant every new table and function in public to anon,
-- authenticated and service_role. Installed by a superuser. app_owner is a member of service_role, and
-- the application's default privileges grant it the tables.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_rights
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
SELECT add_feature('video_minutes', 'month');
-- Every role and every function: x is EXECUTE.
SELECT name AS function, max(rights) FILTER (WHERE role = 'app_owner') AS app_owner, max(rights) FILTER (WHERE role = 'service_role') AS service_role,
       max(rights) FILTER (WHERE role = 'authenticated') AS authenticated, max(rights) FILTER (WHERE role = 'anon') AS anon,
       max(rights) FILTER (WHERE role = 'public') AS public
  FROM (SELECT DISTINCT * FROM test.function_rights) AS f GROUP BY name ORDER BY name COLLATE "C";
-- Every role and every table: r SELECT, a INSERT, w UPDATE, d DELETE, D TRUNCATE, x REFERENCES, t TRIGGER.
SELECT name AS table, max(rights) FILTER (WHERE role = 'app_owner') AS app_owner, max(rights) FILTER (WHERE role = 'service_role') AS service_role,
       max(rights) FILTER (WHERE role = 'authenticated') AS authenticated, max(rights) FILTER (WHERE role = 'anon') AS anon,
       max(rights) FILTER (WHERE role = 'public') AS public
  FROM test.table_rights GROUP BY name ORDER BY name COLLATE "C";
SELECT * FROM test.internal_rights WHERE role IN ('app_owner', 'service_role', 'authenticated', 'anon', 'public') ORDER BY role COLLATE "C";
-- Row-level security is enabled, with these policies.
SELECT t.name AS table, c.relrowsecurity AS row_security FROM test.relations AS t JOIN pg_class AS c USING (oid) ORDER BY t.name COLLATE "C";
SELECT tablename AS table, policyname AS policy, cmd AS command, roles, qual AS condition FROM pg_policies ORDER BY tablename COLLATE "C", policyname COLLATE "C";
SELECT * FROM test.without_comment;

-- Default privileges also apply to tables created later: the setup revokes them.
GRANT ALL ON feature_usage, user_plans, plan_limits, feature_reservations, feature_idempotency_keys TO anon, authenticated;
GRANT UPDATE (images_generated) ON feature_usage TO authenticated;
GRANT EXECUTE ON FUNCTION increment_images_generated(uuid, integer, text), increment_video_minutes(uuid, integer, text),
    consume_feature(uuid, text, integer, text, uuid, jsonb), release_reservation(uuid, uuid), prune_feature_usage(interval, interval) TO anon, authenticated, PUBLIC;
ALTER TABLE feature_usage DISABLE ROW LEVEL SECURITY;
ALTER TABLE feature_idempotency_keys DISABLE ROW LEVEL SECURITY;
DROP POLICY user_plans_own_rows ON user_plans;
DROP POLICY feature_reservations_own_rows ON feature_reservations;
SELECT feature_usage_setup();
SELECT name, role, rights FROM test.function_rights WHERE role IN ('anon', 'authenticated', 'public') AND rights <> '-' ORDER BY name COLLATE "C", role COLLATE "C";
SELECT name, role, rights FROM test.table_rights WHERE role IN ('anon', 'authenticated', 'public') AND rights <> '-------' ORDER BY name COLLATE "C", role COLLATE "C";
-- There are no column privileges.
SELECT count(*) AS columns FROM pg_attribute AS a JOIN test.relations AS t ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL;
SELECT relname, relrowsecurity FROM pg_class WHERE oid IN ('feature_usage'::regclass, 'feature_idempotency_keys'::regclass) ORDER BY relname;
SELECT policyname FROM pg_policies WHERE tablename IN ('user_plans', 'feature_reservations') ORDER BY policyname COLLATE "C";
-- service_role reads and writes rows. It may not create triggers, because they would run its code with
-- the rights of the next writer, even the owner's. It does not need TRUNCATE and REFERENCES.
GRANT ALL ON feature_usage, user_plans, plan_limits, feature_reservations, feature_idempotency_keys, usage_features TO service_role WITH GRANT OPTION;
GRANT REFERENCES (user_id) ON user_plans TO service_role;
SET ROLE service_role;
GRANT TRIGGER ON feature_usage TO authenticator;
RESET ROLE;
SELECT feature_usage_setup();
SELECT name, rights FROM test.table_rights WHERE role = 'service_role' ORDER BY name COLLATE "C";
SELECT has_table_privilege('service_role', 'feature_usage', 'SELECT WITH GRANT OPTION') AS may_grant,
       has_table_privilege('authenticator', 'feature_usage', 'TRIGGER') AS was_granted,
       has_column_privilege('service_role', 'user_plans', 'user_id', 'REFERENCES') AS may_reference;
SET ROLE service_role;
CREATE FUNCTION pg_temp.ran_as() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''ran as %'', current_user; RETURN NEW; END';
SELECT name, test.sqlstate(format('CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION pg_temp.ran_as()', name)) AS trigger,
       test.sqlstate(format('TRUNCATE %I', name)) AS truncate
  FROM test.relations ORDER BY name COLLATE "C";
RESET ROLE;
UPDATE plan_limits SET display_order = 0;
-- A user-defined policy is kept, and reported: it may allow more than the extension's.
CREATE POLICY all_of_them ON feature_usage FOR SELECT TO authenticated USING (true);
SELECT feature_usage_setup();
\c :home
DROP DATABASE feature_usage_rights;

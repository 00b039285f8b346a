-- feature_usage_setup() grants rights to roles that were created after the extension. A service_role
-- without BYPASSRLS gets access by a policy. These roles belong to the whole cluster, so this test runs
-- alone.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_roles
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
SELECT add_feature('video_minutes', 'month');
CREATE ROLE anon;
CREATE ROLE authenticated;
CREATE ROLE service_role;
SELECT feature_usage_setup();
SELECT name AS function, max(rights) FILTER (WHERE role = 'service_role') AS service_role, max(rights) FILTER (WHERE role = 'authenticated') AS authenticated,
       max(rights) FILTER (WHERE role = 'anon') AS anon, max(rights) FILTER (WHERE role = 'public') AS public
  FROM (SELECT DISTINCT * FROM test.function_rights) AS f GROUP BY name ORDER BY name COLLATE "C";
SELECT name AS table, max(rights) FILTER (WHERE role = 'service_role') AS service_role, max(rights) FILTER (WHERE role = 'authenticated') AS authenticated,
       max(rights) FILTER (WHERE role = 'anon') AS anon, max(rights) FILTER (WHERE role = 'public') AS public
  FROM test.table_rights GROUP BY name ORDER BY name COLLATE "C";
SET ROLE service_role;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 2, '2025-02-10');
SELECT increment_video_minutes('00000000-0000-0000-0000-000000000001', 2, '2025-02');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'current_usage' AS current_usage;
SELECT count(*) AS rows FROM feature_usage;
-- Without auth.uid() no user is signed in, so there are no rows of the user's own.
SET ROLE authenticated;
SELECT count(*) AS rows FROM feature_usage;
SELECT count(*) AS plans FROM plan_limits;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'current_usage' AS current_usage;
RESET ROLE;
SELECT tablename AS table, policyname AS policy, cmd AS command, roles, qual AS condition FROM pg_policies ORDER BY tablename COLLATE "C", policyname COLLATE "C";
SELECT * FROM test.without_comment;
\c :home
DROP DATABASE feature_usage_roles;
DROP ROLE anon, authenticated, service_role;

-- The same, installed by the owner of the application's database, who is not a superuser: Supabase's
-- "postgres". The rights are the same, and the owner has all rights of an owner.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_owner
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
SET ROLE app_owner;
CREATE EXTENSION feature_usage;
SELECT add_feature('video_minutes', 'month');
RESET ROLE;
SELECT name AS function, max(rights) FILTER (WHERE role = 'app_owner') AS app_owner, max(rights) FILTER (WHERE role = 'service_role') AS service_role,
       max(rights) FILTER (WHERE role = 'authenticated') AS authenticated, max(rights) FILTER (WHERE role = 'anon') AS anon,
       max(rights) FILTER (WHERE role = 'public') AS public
  FROM (SELECT DISTINCT * FROM test.function_rights) AS f GROUP BY name ORDER BY name COLLATE "C";
SELECT name AS table, max(rights) FILTER (WHERE role = 'app_owner') AS app_owner, max(rights) FILTER (WHERE role = 'service_role') AS service_role,
       max(rights) FILTER (WHERE role = 'authenticated') AS authenticated, max(rights) FILTER (WHERE role = 'anon') AS anon,
       max(rights) FILTER (WHERE role = 'public') AS public
  FROM test.table_rights GROUP BY name ORDER BY name COLLATE "C";
-- Row-level security is enabled, with these policies.
SELECT t.name AS table, c.relrowsecurity AS row_security FROM test.relations AS t JOIN pg_class AS c USING (oid) ORDER BY t.name COLLATE "C";
SELECT tablename AS table, policyname AS policy, cmd AS command, roles, qual AS condition FROM pg_policies ORDER BY tablename COLLATE "C", policyname COLLATE "C";
SELECT * FROM test.internal_rights WHERE role IN ('app_owner', 'service_role', 'authenticated', 'anon', 'public') ORDER BY role COLLATE "C";
SELECT * FROM test.without_comment;
SELECT t.name AS table, pg_get_userbyid(c.relowner) AS owner FROM test.relations AS t JOIN pg_class AS c USING (oid) ORDER BY t.name;
-- Rights on the schema have not changed.
SELECT nspacl FROM pg_namespace WHERE nspname = 'public';
-- The owner can do all that owners do.
SET ROLE app_owner;
INSERT INTO auth.users VALUES ('00000000-0000-0000-0000-000000000001');
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
UPDATE plan_limits SET image_generation_daily_limit = 10;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'limit' AS limit;
SELECT migrate_image_generation_log();
SELECT feature_usage_setup();
DROP EXTENSION feature_usage;
SELECT images_generated FROM feature_usage;
CREATE EXTENSION feature_usage;
SELECT increment_video_minutes('00000000-0000-0000-0000-000000000001', 1, '2025-02');
SELECT period, images_generated, video_minutes FROM feature_usage ORDER BY period;
RESET ROLE;

-- In a separate schema, the API's roles get USAGE on it, and otherwise the same rights as in public.
\c :home
\set database feature_usage_owner_schema
\i :dir/begin.sql
SET ROLE app_owner;
CREATE SCHEMA usage;
CREATE EXTENSION feature_usage SCHEMA usage;
SELECT usage.add_feature('video_minutes', 'month');
RESET ROLE;
SELECT r AS role, has_schema_privilege(r, 'usage', 'USAGE') AS usage, has_schema_privilege(r, 'usage', 'CREATE') AS create
  FROM unnest(ARRAY['service_role', 'authenticated', 'anon', 'public']) WITH ORDINALITY AS roles (r, n) ORDER BY n;
SELECT name AS function, max(rights) FILTER (WHERE role = 'app_owner') AS app_owner, max(rights) FILTER (WHERE role = 'service_role') AS service_role,
       max(rights) FILTER (WHERE role = 'authenticated') AS authenticated, max(rights) FILTER (WHERE role = 'anon') AS anon,
       max(rights) FILTER (WHERE role = 'public') AS public
  FROM (SELECT DISTINCT * FROM test.function_rights) AS f GROUP BY name ORDER BY name COLLATE "C";
SELECT name AS table, max(rights) FILTER (WHERE role = 'app_owner') AS app_owner, max(rights) FILTER (WHERE role = 'service_role') AS service_role,
       max(rights) FILTER (WHERE role = 'authenticated') AS authenticated, max(rights) FILTER (WHERE role = 'anon') AS anon,
       max(rights) FILTER (WHERE role = 'public') AS public
  FROM test.table_rights GROUP BY name ORDER BY name COLLATE "C";

-- A role with CREATE on the database and no rights on the schema public can install too.
\c :home
\set database feature_usage_other_owner
\i :dir/begin.sql
CREATE ROLE regress_other_owner;
GRANT CREATE ON DATABASE feature_usage_other_owner TO regress_other_owner;
SET ROLE regress_other_owner;
-- This role may neither reference auth.users nor call auth.uid(): signed-in users read nothing.
CREATE EXTENSION feature_usage;
RESET ROLE;
SELECT has_schema_privilege('regress_other_owner', 'public', 'CREATE') AS may_create_in_public;
SELECT name AS function, max(rights) FILTER (WHERE role = 'regress_other_owner') AS owner, max(rights) FILTER (WHERE role = 'service_role') AS service_role,
       max(rights) FILTER (WHERE role = 'authenticated') AS authenticated, max(rights) FILTER (WHERE role = 'anon') AS anon,
       max(rights) FILTER (WHERE role = 'public') AS public
  FROM (SELECT DISTINCT * FROM test.function_rights) AS f GROUP BY name ORDER BY name COLLATE "C";
SELECT name AS table, max(rights) FILTER (WHERE role = 'regress_other_owner') AS owner, max(rights) FILTER (WHERE role = 'service_role') AS service_role,
       max(rights) FILTER (WHERE role = 'authenticated') AS authenticated, max(rights) FILTER (WHERE role = 'anon') AS anon,
       max(rights) FILTER (WHERE role = 'public') AS public
  FROM test.table_rights GROUP BY name ORDER BY name COLLATE "C";
SELECT tablename AS table, policyname AS policy FROM pg_policies ORDER BY tablename COLLATE "C", policyname COLLATE "C";
\c :home
DROP DATABASE feature_usage_owner;
DROP DATABASE feature_usage_owner_schema;
DROP DATABASE feature_usage_other_owner;
DROP ROLE regress_other_owner;

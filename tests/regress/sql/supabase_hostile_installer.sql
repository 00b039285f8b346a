-- A role that may create an extension must not get access to existing tables of these names that
-- another role owns: neither to their rows, nor to their grants.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_hostile
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
CREATE ROLE regress_attacker;
GRANT CREATE ON DATABASE feature_usage_hostile TO regress_attacker;
CREATE TABLE user_plans (user_id uuid PRIMARY KEY, plan_id text, is_active boolean, status text, trial_end_date timestamptz, card_number text);
CREATE TABLE feature_usage (user_id uuid, period text, PRIMARY KEY (user_id, period));
REVOKE ALL ON user_plans, feature_usage FROM anon, authenticated, service_role;
SELECT md5(string_agg(concat(relname, relacl, relrowsecurity), '' ORDER BY relname)) AS before
  FROM pg_class WHERE oid IN ('user_plans'::regclass, 'feature_usage'::regclass) \gset
SET ROLE regress_attacker;
-- A plain installation fails at tables that the installer may not change.
SELECT test.sqlstate('CREATE EXTENSION feature_usage');
-- A restore, which an attacker may fake, does not change them.
SET row_security = off;
SELECT test.sqlstate('CREATE EXTENSION feature_usage') IS NOT NULL AS tried;
RESET row_security;
RESET ROLE;
SELECT name, role, rights FROM test.table_rights WHERE name IN ('user_plans', 'feature_usage') AND role IN ('anon', 'authenticated', 'service_role', 'regress_attacker')
   AND rights <> '-------' ORDER BY name, role;
SELECT md5(string_agg(concat(relname, relacl, relrowsecurity), '' ORDER BY relname)) = :'before' AS is_unchanged
  FROM pg_class WHERE oid IN ('user_plans'::regclass, 'feature_usage'::regclass);
SELECT count(*) AS policies FROM pg_policies WHERE tablename IN ('user_plans', 'feature_usage');

-- A restore gives the API's roles the use of the schema, with the rights of the installer: one who owns
-- the schema can, one who may only create in it cannot.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS feature_usage;
RESET client_min_messages;
CREATE SCHEMA limits AUTHORIZATION regress_attacker;
CREATE SCHEMA private;
GRANT USAGE, CREATE ON SCHEMA private TO regress_attacker;
CREATE VIEW test.schema_usage AS
    SELECT n.nspname AS schema, r.rolname AS role, has_schema_privilege(r.oid, n.oid, 'USAGE') AS uses
      FROM pg_namespace AS n, pg_roles AS r
     WHERE n.nspname IN ('limits', 'private') AND r.rolname IN ('anon', 'authenticated', 'service_role')
     ORDER BY n.nspname, r.rolname;
SET ROLE regress_attacker;
SET row_security = off;
CREATE EXTENSION feature_usage SCHEMA private;
RESET ROLE;
SELECT schema, role FROM test.schema_usage WHERE uses;
DROP EXTENSION feature_usage;
SET ROLE regress_attacker;
CREATE EXTENSION feature_usage SCHEMA limits;
RESET row_security;
RESET ROLE;
SELECT schema, role FROM test.schema_usage WHERE uses;
SELECT count(*) AS left_over FROM pg_proc WHERE proname = 'setup_as_owner';

-- The two trigger functions that write the registry belong to the extension's owner, and no role of the
-- API may call them, whatever the default privileges are.
DROP EXTENSION feature_usage;
SET client_min_messages = error;
DROP SCHEMA limits CASCADE;
RESET client_min_messages;
CREATE SCHEMA limits AUTHORIZATION regress_attacker;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_attacker GRANT EXECUTE ON FUNCTIONS TO anon, authenticated, service_role;
SET ROLE regress_attacker;
SET client_min_messages = error;
CREATE EXTENSION feature_usage SCHEMA limits;
RESET client_min_messages;
RESET ROLE;
SELECT p.proname AS function, pg_get_userbyid(p.proowner) AS owner, o.rolsuper AS is_superuser, p.prosecdef AS is_definer, p.proconfig AS settings,
       (SELECT string_agg(r.rolname, ' ' ORDER BY r.rolname) FROM pg_roles AS r
         WHERE r.rolname IN ('anon', 'authenticated', 'service_role', 'app_owner', 'authenticator', 'regress_attacker') AND has_function_privilege(r.oid, p.oid, 'EXECUTE')) AS may_execute
  FROM pg_proc AS p JOIN pg_roles AS o ON o.oid = p.proowner
 WHERE p.pronamespace = 'feature_usage_internal'::regnamespace AND (p.prosecdef OR p.prorettype = 'trigger'::regtype) ORDER BY p.proname;
-- A rule of the server, and one of a superuser: the installer's trigger on the registry runs as the installer.
CREATE TABLE ran_as (role name);
GRANT INSERT ON ran_as TO PUBLIC;
SET ROLE regress_attacker;
CREATE FUNCTION limits.note_role() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.ran_as VALUES (current_user); RETURN NEW; END';
CREATE TRIGGER note_role BEFORE UPDATE ON limits.usage_features FOR EACH ROW EXECUTE FUNCTION limits.note_role();
SET ROLE service_role;
INSERT INTO limits.usage_rules (applies_to, feature_type, effect) VALUES ('all', 'chat', 'deny');
RESET ROLE;
INSERT INTO limits.usage_rules (applies_to, feature_type, effect) VALUES ('all', 'insights', 'deny');
INSERT INTO limits.plan_limits (plan_id, time_zone) VALUES ('zoned', 'UTC');
SELECT role, count(*) FROM ran_as GROUP BY role;
SELECT feature_type, reads_calendars FROM limits.usage_features WHERE is_governed ORDER BY feature_type;
\c :home
DROP DATABASE feature_usage_hostile;
DROP ROLE regress_attacker;

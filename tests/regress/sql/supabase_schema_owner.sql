-- A superuser installs the extension into a schema of app_owner, who may drop every table in it and create
-- another of its name. Code of app_owner must not run as the superuser then, though the functions that
-- write the registry are the superuser's.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_schema_owner
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
CREATE TABLE ran_as (role name);
GRANT INSERT ON ran_as TO PUBLIC;
CREATE EXTENSION feature_usage;
SELECT pg_get_userbyid(nspowner) AS schema_owner, (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'usage_features'::regclass) AS owner
  FROM pg_namespace WHERE nspname = 'public';
SET ROLE app_owner;
SET client_min_messages = error;
DROP TABLE usage_features CASCADE;
RESET client_min_messages;
CREATE TABLE usage_features (feature_type text, usage_column text, limit_column text, period text, is_builtin boolean, is_governed boolean DEFAULT false, reads_calendars boolean DEFAULT false);
INSERT INTO usage_features VALUES ('chat', 'chat_messages', 'chat_messages_daily_limit', 'day', true);
CREATE FUNCTION note_role() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.ran_as VALUES (current_user); RETURN NEW; END $$;
CREATE TRIGGER note_role BEFORE UPDATE ON usage_features FOR EACH ROW EXECUTE FUNCTION note_role();
SET ROLE service_role;
SELECT test.sqlstate($$INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'chat', 'deny')$$) IS NOT NULL AS tried;
SELECT test.sqlstate($$INSERT INTO plan_limits (plan_id, time_zone) VALUES ('zoned', 'UTC')$$) IS NOT NULL AS tried;
RESET ROLE;
SELECT count(*) AS times_as_superuser FROM ran_as JOIN pg_roles ON rolname = role WHERE rolsuper;
\c :home
DROP DATABASE feature_usage_schema_owner;

-- A superuser who restores a dump installs the extension, and the tables go to their former owner. Code of
-- that owner must not run as the superuser then, though the functions that write the registry are the
-- superuser's.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_restored_tables
\i :dir/begin.sql
CREATE ROLE regress_former_owner;
GRANT CREATE ON SCHEMA public TO regress_former_owner;
CREATE TABLE ran_as (role name);
GRANT INSERT ON ran_as TO PUBLIC;
CREATE EXTENSION feature_usage;
SELECT format('ALTER TABLE %s OWNER TO regress_former_owner', oid::regclass) FROM test.relations ORDER BY name COLLATE "C" \gexec
SET ROLE regress_former_owner;
CREATE FUNCTION note_role() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.ran_as VALUES (current_user); RETURN NEW; END $$;
CREATE TRIGGER note_role BEFORE UPDATE ON usage_features FOR EACH ROW EXECUTE FUNCTION note_role();
SELECT test.sqlstate($$INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'chat', 'deny')$$) IS NOT NULL AS tried;
SELECT test.sqlstate($$INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES ('00000000-0000-0000-0000-000000000001', 'free', 'UTC')$$) IS NOT NULL AS tried;
RESET ROLE;
SELECT count(*) AS times_as_superuser FROM ran_as JOIN pg_roles ON rolname = role WHERE rolsuper;
\c :home
DROP DATABASE feature_usage_restored_tables;
DROP ROLE regress_former_owner;

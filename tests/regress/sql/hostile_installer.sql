-- The script of a trusted extension runs as a superuser. Whoever may install it must not be able
-- to slip code of theirs in, by making tables of our names before.
\getenv dir PG_ABS_SRCDIR
\set home :DBNAME
CREATE DATABASE feature_usage_hostile;
\c feature_usage_hostile
\set ECHO none
\i :dir/helpers.sql
\set ECHO all
CREATE ROLE regress_attacker;
GRANT CREATE ON DATABASE feature_usage_hostile TO regress_attacker;
GRANT CREATE ON SCHEMA public TO regress_attacker;
-- Where code of the attacker's writes down whom it runs as. The sequence remembers a superuser
-- even if everything is rolled back.
CREATE TABLE ran_as (role name);
CREATE SEQUENCE ran_as_superuser;
GRANT INSERT ON ran_as TO PUBLIC;
GRANT USAGE ON ran_as_superuser TO PUBLIC;
SET ROLE regress_attacker;
CREATE FUNCTION note_role() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.ran_as VALUES (current_user);
    PERFORM nextval('public.ran_as_superuser') FROM pg_roles WHERE rolname = current_user AND rolsuper;
    RETURN true;
END $$;
CREATE FUNCTION note_role_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.note_role();
    RETURN NEW;
END $$;

-- Triggers, a check and a default: everything of a table that runs code.
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds integer, insights_count bigint CHECK (note_role()), note boolean DEFAULT note_role());
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02', NULL, 1);
CREATE TABLE plan_limits (plan_id text, note boolean DEFAULT note_role());
CREATE TABLE user_plans (user_id uuid);
CREATE TRIGGER note_role BEFORE UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION note_role_trigger();
CREATE TRIGGER note_role_after AFTER UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION note_role_trigger();
CREATE TRIGGER note_role_of_statement AFTER UPDATE ON feature_usage FOR EACH STATEMENT EXECUTE FUNCTION note_role_trigger();
CREATE EXTENSION feature_usage;
RESET ROLE;
SELECT DISTINCT role FROM ran_as;
SELECT is_called FROM ran_as_superuser;
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys;
TRUNCATE ran_as;

-- A trigger that, in the middle of the setup, puts a view of the attacker's in the place of the
-- registry, which the rest of the script reads.
SET ROLE regress_attacker;
CREATE FUNCTION replace_registry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('public.usage_features_moved') IS NULL THEN
        ALTER TABLE public.usage_features RENAME TO usage_features_moved;
        CREATE VIEW public.usage_features AS
            SELECT feature_type, usage_column, limit_column, period, public.note_role() AS is_builtin FROM public.usage_features_moved;
    END IF;
    RETURN NEW;
END $$;
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds integer);
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02', NULL);
CREATE TRIGGER replace_registry BEFORE UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION replace_registry();
SELECT test.sqlstate('CREATE EXTENSION feature_usage') IS NOT NULL AS tried;
RESET ROLE;
SELECT is_called FROM ran_as_superuser;
SET client_min_messages = error;
DROP EXTENSION IF EXISTS feature_usage CASCADE;
DROP TABLE IF EXISTS feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys;
RESET client_min_messages;

-- A trigger that replaces the setup itself, while the attacker owns it: the function must not
-- end up as one that the extension offers.
SET ROLE regress_attacker;
CREATE FUNCTION replace_setup() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE 'CREATE OR REPLACE FUNCTION public.feature_usage_setup() RETURNS void LANGUAGE sql AS ''SELECT public.note_role()''';
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    RETURN NEW;
END $$;
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds integer);
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02', NULL);
CREATE TRIGGER replace_setup BEFORE UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION replace_setup();
SELECT test.sqlstate('CREATE EXTENSION feature_usage') IS NOT NULL AS tried;
RESET ROLE;
SELECT proname FROM pg_proc WHERE proname = 'feature_usage_setup' AND prosrc LIKE '%note_role%';
SET client_min_messages = error;
DROP EXTENSION IF EXISTS feature_usage CASCADE;
DROP TABLE IF EXISTS feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys;
RESET client_min_messages;

-- A trigger that leaves a search path of the attacker's behind, for what a superuser does next.
CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil TO regress_attacker;
SET ROLE regress_attacker;
CREATE FUNCTION evil.leave_path() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('search_path', 'evil, pg_catalog', false);
    RETURN NEW;
END $$;
CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE public.note_role();
CREATE VIEW evil.pg_depend AS SELECT * FROM pg_catalog.pg_depend WHERE public.note_role();
GRANT SELECT ON evil.pg_class, evil.pg_depend TO PUBLIC;
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds integer);
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02', NULL);
CREATE TRIGGER leave_path BEFORE UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION evil.leave_path();
SELECT test.sqlstate('CREATE EXTENSION feature_usage') IS NOT NULL AS tried;
RESET ROLE;
RESET search_path;
SELECT is_called FROM ran_as_superuser;
SET client_min_messages = error;
DROP EXTENSION IF EXISTS feature_usage CASCADE;
DROP TABLE IF EXISTS feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys;
RESET client_min_messages;

-- A trigger of the schema's owner that replaces a function of the extension in the middle.
ALTER SCHEMA evil OWNER TO regress_attacker;
SET ROLE regress_attacker;
CREATE FUNCTION evil.replace_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DROP FUNCTION evil.feature_usage_setup_table_rights(text[]);
    CREATE FUNCTION evil.feature_usage_setup_table_rights(text[]) RETURNS void LANGUAGE sql AS 'SELECT public.note_role()';
    RETURN NEW;
END $$;
CREATE TABLE evil.feature_usage (user_id uuid, period text, voice_seconds integer);
INSERT INTO evil.feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02', NULL);
CREATE TRIGGER replace_member BEFORE UPDATE ON evil.feature_usage FOR EACH ROW EXECUTE FUNCTION evil.replace_member();
SELECT test.sqlstate('CREATE EXTENSION feature_usage SCHEMA evil') IS NOT NULL AS tried;
RESET ROLE;
SELECT is_called FROM ran_as_superuser;
SET client_min_messages = error;
DROP EXTENSION IF EXISTS feature_usage CASCADE;
RESET client_min_messages;

-- Functions that fit the calls of the setup better than its own, of somebody who may only create in the
-- schema: neither an install nor a later setup runs them.
SET ROLE regress_attacker;
CREATE FUNCTION feature_usage_setup_user_reference(oid) RETURNS void LANGUAGE sql AS 'SELECT public.note_role()';
CREATE FUNCTION feature_usage_setup_parts(integer DEFAULT 1) RETURNS void LANGUAGE sql AS 'SELECT public.note_role()';
RESET ROLE;
CREATE EXTENSION feature_usage;
DROP FUNCTION feature_usage_setup_user_reference(oid), feature_usage_setup_parts(integer);
CREATE EXTENSION feature_usage;
SET ROLE regress_attacker;
CREATE FUNCTION feature_usage_setup_user_reference(oid) RETURNS void LANGUAGE sql AS 'SELECT public.note_role()';
RESET ROLE;
SELECT feature_usage_setup();
SELECT is_called FROM ran_as_superuser;
DROP FUNCTION feature_usage_setup_user_reference(oid);
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys;

-- A superuser who installs over tables of somebody else's is refused; what somebody else calls
-- auth.users is not looked at. (An index runs code of its owner's whenever a query is planned.)
SET ROLE regress_attacker;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO PUBLIC;
CREATE TABLE auth.users (id uuid PRIMARY KEY);
GRANT SELECT, REFERENCES ON auth.users TO PUBLIC;
CREATE TABLE user_plans (user_id uuid PRIMARY KEY, plan_id text);
RESET ROLE;
CREATE EXTENSION feature_usage;
DROP TABLE user_plans;
CREATE EXTENSION feature_usage;
SELECT count(*) AS references_to_auth FROM pg_constraint WHERE contype = 'f' AND confrelid = 'auth.users'::regclass;
DROP EXTENSION feature_usage;

SET client_min_messages = error;
DROP EXTENSION IF EXISTS feature_usage CASCADE;
\c :home
DROP DATABASE feature_usage_hostile;
DROP ROLE regress_attacker;

-- A superuser runs the script of a trusted extension. A role that may install it must not be able to
-- have its own code run, by creating tables of these names before.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_hostile
\i :dir/begin.sql
CREATE ROLE regress_attacker;
GRANT CREATE ON DATABASE feature_usage_hostile TO regress_attacker;
GRANT CREATE ON SCHEMA public TO regress_attacker;
-- The attacker's code records here which role it runs as. The sequence remembers a superuser even if
-- everything is rolled back.
CREATE TABLE ran_as (role name);
CREATE SEQUENCE ran_as_superuser;
GRANT INSERT ON ran_as TO PUBLIC;
GRANT USAGE ON ran_as_superuser TO PUBLIC;
-- Drops the extension, and everything with the name of one of its tables.
CREATE PROCEDURE test.start_again() LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE
    left_over text;
BEGIN
    DROP EXTENSION IF EXISTS feature_usage CASCADE;
    FOR left_over IN
        SELECT CASE relkind WHEN 'v' THEN 'VIEW ' ELSE 'TABLE ' END || oid::regclass FROM pg_class
         WHERE relkind IN ('r', 'v') AND relnamespace = 'public'::regnamespace AND relname <> 'ran_as'
         ORDER BY relkind DESC
    LOOP
        EXECUTE 'DROP ' || left_over || ' CASCADE';
    END LOOP;
END $$;
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

-- Triggers, a CHECK constraint and a default: everything that runs code of a table.
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
CALL test.start_again();
TRUNCATE ran_as;

-- A trigger that, during the setup, replaces the registry by the attacker's view, which the rest of the
-- script would read.
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
CALL test.start_again();

-- A trigger that replaces the setup itself while the attacker owns it: the function must not become a
-- member of the extension.
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
CALL test.start_again();

-- A trigger that leaves the attacker's search_path behind, for the superuser's next statement.
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
CALL test.start_again();

-- A trigger of the schema's owner that replaces functions of the extension during the setup: those of
-- the private schema are out of reach, and no superuser calls the others.
ALTER SCHEMA evil OWNER TO regress_attacker;
SET ROLE regress_attacker;
CREATE FUNCTION evil.replace_member() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    attempt text;
BEGIN
    FOREACH attempt IN ARRAY ARRAY[
        'DROP FUNCTION feature_usage_internal.ensure_grants()',
        'CREATE FUNCTION feature_usage_internal.ensure_grants(integer DEFAULT 1) RETURNS void LANGUAGE sql AS ''SELECT public.note_role()''',
        'CREATE OR REPLACE FUNCTION feature_usage_internal.setup_as_owner() RETURNS void LANGUAGE sql AS ''SELECT public.note_role()''',
        'ALTER FUNCTION feature_usage_internal.setup_as_owner() SECURITY INVOKER',
        'INSERT INTO feature_usage_internal.indexes VALUES (''user_plans'', ''evil'', ''(public.note_role())'')',
        'CREATE TRIGGER evil AFTER INSERT ON feature_usage_internal.rows EXECUTE FUNCTION public.note_role_trigger()',
        'DROP FUNCTION evil.usage_features_changed() CASCADE',
        'CREATE FUNCTION evil.usage_features_changed() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN PERFORM public.note_role(); RETURN NULL; END''',
        'DROP FUNCTION evil.feature_usage_setup()',
        'CREATE FUNCTION evil.feature_usage_setup() RETURNS void LANGUAGE sql AS ''SELECT public.note_role()'''
    ] LOOP
        BEGIN
            EXECUTE attempt;
            RAISE WARNING 'done: %', attempt;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING '%: %', sqlstate, attempt;
        END;
    END LOOP;
    RETURN NEW;
END $$;
CREATE TABLE evil.feature_usage (user_id uuid, period text, voice_seconds integer);
INSERT INTO evil.feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02', NULL);
CREATE TRIGGER replace_member BEFORE UPDATE ON evil.feature_usage FOR EACH ROW EXECUTE FUNCTION evil.replace_member();
SELECT test.sqlstate('CREATE EXTENSION feature_usage SCHEMA evil') IS NOT NULL AS tried;
RESET ROLE;
SELECT is_called FROM ran_as_superuser;
SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace('feature_usage_internal') AND prosrc LIKE '%note_role%';
CALL test.start_again();

-- An existing private schema is not trusted: nothing is created in it or read from it.
SET ROLE regress_attacker;
CREATE SCHEMA feature_usage_internal;
CREATE TABLE feature_usage_internal.rows (table_name text, is_for_new_table boolean, content jsonb DEFAULT to_jsonb(public.note_role()));
CREATE FUNCTION feature_usage_internal.ensure_member_grants() RETURNS void LANGUAGE sql AS 'SELECT public.note_role()';
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
SELECT is_called FROM ran_as_superuser;
SET client_min_messages = error;
DROP SCHEMA feature_usage_internal CASCADE;
RESET client_min_messages;

-- An existing registry: a view that runs code when it is read, and a table with a trigger, an index, a
-- policy and a default that do. The setup reads it as the installer, never as a superuser.
SET ROLE regress_attacker;
CREATE VIEW usage_features AS SELECT 'video'::text AS feature_type, 'video'::text AS usage_column, 'video_limit'::text AS limit_column,
    'day'::text AS period, note_role() AS is_builtin;
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
-- A faked restore does not read it either.
SET row_security = off;
SELECT test.sqlstate('CREATE EXTENSION feature_usage') IS NOT NULL AS tried;
RESET row_security;
RESET ROLE;
SELECT is_called FROM ran_as_superuser;
CALL test.start_again();
TRUNCATE ran_as;
SET ROLE regress_attacker;
CREATE TABLE usage_features (feature_type text, usage_column text, limit_column text, period text DEFAULT note_role()::text, is_builtin boolean);
INSERT INTO usage_features VALUES ('video', 'video', 'video_limit', 'day', false);
CREATE FUNCTION note_text(name text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.note_role(); RETURN name; END';
CREATE INDEX noting ON usage_features (note_text(feature_type));
CREATE POLICY noting ON usage_features USING (note_role());
ALTER TABLE usage_features ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE TRIGGER noting BEFORE INSERT ON usage_features FOR EACH ROW EXECUTE FUNCTION note_role_trigger();
SELECT test.sqlstate('CREATE EXTENSION feature_usage') AS installed;
RESET ROLE;
SELECT DISTINCT role FROM ran_as;
SELECT is_called FROM ran_as_superuser;
CALL test.start_again();

-- Overloads that fit the extension's calls better than its own functions, of a role that may only
-- create in the schema: neither an install nor a later setup runs them. The setup warns of them.
SET ROLE regress_attacker;
CREATE FUNCTION feature_usage_setup(integer DEFAULT 1) RETURNS void LANGUAGE sql AS 'SELECT public.note_role()';
CREATE FUNCTION add_feature(text, text) RETURNS void LANGUAGE sql AS 'SELECT public.note_role()';
CREATE FUNCTION usage_features_changed(text DEFAULT '') RETURNS void LANGUAGE sql AS 'SELECT public.note_role()';
CREATE FUNCTION increment_feature_usage(uuid, varchar, integer, text) RETURNS void LANGUAGE sql AS 'SELECT public.note_role()';
CREATE FUNCTION to_regclass(varchar) RETURNS regclass LANGUAGE sql AS 'SELECT public.note_role(); SELECT NULL::regclass';
RESET ROLE;
CREATE EXTENSION feature_usage;
-- (The attacker could later replace an increment with the right body that they own.)
SELECT add_feature('video', 'month', 'video', 'video_limit');
SELECT add_feature('movies', 'month', 'movies', 'movies_limit');
SELECT increment_movies('00000000-0000-0000-0000-000000000001', 1, '2025-02');
SELECT test.sqlstate('SELECT feature_usage_setup()') IS NOT NULL AS tried;
DROP FUNCTION feature_usage_setup(integer);
SELECT feature_usage_setup();
SELECT is_called FROM ran_as_superuser;
DROP FUNCTION add_feature(text, text), usage_features_changed(text), increment_feature_usage(uuid, varchar, integer, text), to_regclass(varchar);
-- Only a superuser can create in the private schema, or change the setup functions in it.
CREATE TABLE attempts (n integer, statement text);
GRANT SELECT ON attempts TO PUBLIC;
INSERT INTO attempts VALUES
    (1, $$SELECT feature_usage_internal.setup()$$),
    (2, $$SELECT count(*) FROM feature_usage_internal.columns$$),
    (3, $$CREATE FUNCTION feature_usage_internal.ensure_column(regclass, text, text, text[], varchar) RETURNS void LANGUAGE sql AS 'SELECT public.note_role()'$$),
    (4, $$INSERT INTO feature_usage_internal.columns VALUES ('user_plans', 9, 'note', 'boolean DEFAULT public.note_role()', NULL, false, '')$$),
    (5, $$CREATE TABLE feature_usage_internal.evil ()$$);
SET ROLE regress_attacker;
SELECT statement, test.sqlstate(statement) FROM attempts ORDER BY n;
RESET ROLE;
ALTER TABLE attempts SET SCHEMA test;
CALL test.start_again();
-- Even the owner of the extension cannot, unless a superuser.
SET ROLE regress_attacker;
CREATE EXTENSION feature_usage;
SELECT statement, test.sqlstate(statement) FROM test.attempts ORDER BY n;
RESET ROLE;
CALL test.start_again();

-- Two trigger functions write the registry with the rights of the extension's owner, whoever writes a rule
-- or a time zone. They belong to that owner and to no superuser, and nobody else may call them.
CREATE VIEW test.definers AS
    SELECT p.proname AS function, pg_get_userbyid(p.proowner) AS owner, p.proconfig AS settings,
           (SELECT string_agg(DISTINCT r.name, ' ') FROM test.roles AS r WHERE has_function_privilege(r.oid, p.oid, 'EXECUTE')
               AND (r.name IN ('public', 'regress_attacker', 'pg_monitor'))) AS may_execute
      FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE p.prosecdef AND n.nspname IN ('feature_usage_internal', 'public')
     ORDER BY p.proname;
GRANT SELECT ON test.definers TO PUBLIC;
SET ROLE regress_attacker;
CREATE EXTENSION feature_usage;
SELECT * FROM test.definers;
-- Even their owner cannot replace them. (What else an owner may do to a function, an owner may also do with
-- a trigger on the tables.)
SELECT test.sqlstate($$CREATE OR REPLACE FUNCTION feature_usage_internal.govern_feature() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.note_role(); RETURN NULL; END'$$);
-- The installer's triggers on the registry, and what hides the functions and operators that they use.
CREATE TRIGGER note_role BEFORE UPDATE ON usage_features FOR EACH ROW EXECUTE FUNCTION note_role_trigger();
CREATE TRIGGER note_role_after AFTER UPDATE ON usage_features FOR EACH ROW EXECUTE FUNCTION note_role_trigger();
CREATE TRIGGER note_role_of_statement AFTER UPDATE ON usage_features FOR EACH STATEMENT EXECUTE FUNCTION note_role_trigger();
ALTER TABLE usage_features ADD CHECK (is_governed IS NULL OR note_role());
CREATE FUNCTION evil.note_texts(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT public.note_role()';
CREATE OPERATOR evil.= (FUNCTION = evil.note_texts, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION evil.left(text, integer) RETURNS text LANGUAGE sql AS 'SELECT public.note_role()::text';
CREATE FUNCTION evil.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT public.note_role()::text';
DROP TABLE evil.usage_features;
CREATE VIEW evil.usage_features AS SELECT note_role()::text AS feature_type, note_role() AS is_governed, note_role() AS reads_calendars;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
GRANT SELECT ON evil.usage_features TO PUBLIC;
RESET ROLE;
TRUNCATE ran_as;
SET search_path = evil, pg_catalog, public;
INSERT INTO public.usage_rules (applies_to, feature_type, effect) VALUES ('all', 'chat', 'deny');
INSERT INTO public.usage_rules (applies_to, feature_type, effect) VALUES ('all', 'videos', 'deny');
INSERT INTO public.user_plans (user_id, plan_id, time_zone) VALUES ('00000000-0000-0000-0000-000000000001', 'free', 'UTC');
RESET search_path;
SELECT feature_type FROM usage_features WHERE is_governed;
SELECT bool_and(reads_calendars) FROM usage_features;
SELECT DISTINCT role FROM ran_as;
SELECT is_called FROM ran_as_superuser;
-- A trigger of theirs that keeps the registry from being told: the rule is refused, not ignored.
SET ROLE regress_attacker;
CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER suppress BEFORE UPDATE ON usage_features FOR EACH ROW EXECUTE FUNCTION suppress();
INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'insights', 'deny');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
CALL test.start_again();

-- A superuser who installs over another role's tables is refused; another role's auth.users is not
-- read. (An index runs its owner's code whenever a query is planned.)
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

-- Functions with the signatures of ours: CREATE EXTENSION lists all of them at once, with the statement
-- that drops them, before it creates anything.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_existing_functions
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
CREATE TABLE signature AS
    SELECT format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)) AS text FROM pg_proc AS p JOIN test.functions AS f USING (oid)
     WHERE NOT f.is_internal;
SELECT count(*) > 15 AS are_many FROM signature;
DROP EXTENSION feature_usage;
-- Each by itself is found.
CREATE FUNCTION pg_temp.answer(signature text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'CREATE FUNCTION public.' || signature || ' RETURNS integer LANGUAGE sql AS ''SELECT 1''';
    EXECUTE 'CREATE EXTENSION feature_usage';
    RETURN 'created';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT DISTINCT pg_temp.answer(text) FROM signature;
-- All together, with the statement that drops them.
\set ECHO none
SELECT format('CREATE FUNCTION public.%s RETURNS integer LANGUAGE sql AS ''SELECT 1''', text) FROM signature \gexec
\set ECHO all
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
SELECT substring(test.hint('CREATE EXTENSION feature_usage') FROM 'DROP .*;') AS drop_functions \gset
:drop_functions
CREATE EXTENSION feature_usage;
DROP EXTENSION feature_usage;

-- Procedures have signatures too. Overloads, and functions of other schemas, do not
-- conflict.
CREATE PROCEDURE increment_chat_messages(uuid, integer, text) LANGUAGE sql AS 'SELECT';
CREATE FUNCTION get_user_limits(uuid) RETURNS text LANGUAGE sql AS 'SELECT NULL';
CREATE SCHEMA other;
CREATE FUNCTION other.get_user_limits(uuid) RETURNS text LANGUAGE sql AS 'SELECT NULL';
CREATE FUNCTION get_user_limits(text) RETURNS text LANGUAGE sql AS 'SELECT NULL';
CREATE EXTENSION feature_usage;
SELECT substring(test.hint('CREATE EXTENSION feature_usage') FROM 'DROP .*;') AS drop_functions \gset
:drop_functions
CREATE EXTENSION feature_usage;
DROP EXTENSION feature_usage;

-- In a schema whose name needs quotes.
CREATE SCHEMA "Usage of features";
CREATE FUNCTION "Usage of features".record_usage(jsonb) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE EXTENSION feature_usage SCHEMA "Usage of features";
\c :home
DROP DATABASE feature_usage_existing_functions;

-- Makes a database a shard: run it as a superuser with psql, in a database with the extension and without
-- users of its own (auth.users). Run it again after a change of the extension or of this file.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
BEGIN;
CREATE SCHEMA IF NOT EXISTS feature_usage_shard;
REVOKE ALL ON SCHEMA feature_usage_shard FROM PUBLIC;
COMMENT ON SCHEMA feature_usage_shard IS 'What a router of feature_usage asks of this shard, beside the extension.';

-- The router's login for calls of service_role.
DO $do$
BEGIN
    IF to_regrole('feature_usage_service') IS NULL THEN
        CREATE ROLE feature_usage_service LOGIN IN ROLE service_role;
    END IF;
END
$do$;
GRANT USAGE ON SCHEMA feature_usage_shard TO feature_usage_service;

-- The user of the request, from the claims that the router sets. Supabase's function of this name does the same.
DO $do$
BEGIN
    IF to_regprocedure('auth.uid()') IS NULL THEN
        CREATE SCHEMA IF NOT EXISTS auth;
        GRANT USAGE ON SCHEMA auth TO authenticated, service_role;
        CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
            SELECT nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub', '')::uuid
        $$;
    END IF;
END
$do$;
\ir shard/record.sql
\ir shard/state.sql
\ir shard/moving.sql
-- With auth.uid(), signed-in users get their policies.
SELECT s.nspname AS schema FROM pg_extension AS e JOIN pg_namespace AS s ON s.oid = e.extnamespace WHERE e.extname = 'feature_usage' \gset
SELECT :"schema".feature_usage_setup();
COMMIT;

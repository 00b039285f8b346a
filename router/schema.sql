-- The private schema of the router. Signed-in users have no rights in it.

DO $do$
BEGIN
    IF to_regrole('service_role') IS NULL OR to_regrole('authenticated') IS NULL OR to_regrole('anon') IS NULL THEN
        RAISE EXCEPTION 'a role of the API is missing'
            USING ERRCODE = 'undefined_object', HINT = 'Create service_role, authenticated and anon first: docs/operations.md, Install.';
    ELSIF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'feature_usage') THEN
        RAISE EXCEPTION 'the extension is missing' USING ERRCODE = 'undefined_object', HINT = 'Run CREATE EXTENSION feature_usage; first.';
    END IF;
END
$do$;
CREATE SCHEMA IF NOT EXISTS feature_usage_router;
REVOKE ALL ON SCHEMA feature_usage_router FROM PUBLIC;
GRANT USAGE ON SCHEMA feature_usage_router TO service_role;
COMMENT ON SCHEMA feature_usage_router IS
'The router of feature_usage: on which shard a call runs, and the calls themselves.';

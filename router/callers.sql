-- Who calls. auth.uid() does not travel by itself: the router tells the shard, whose row-level security then
-- decides as on a single database.

CREATE OR REPLACE FUNCTION feature_usage_router.is_server() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Not current_user, which is the owner of the functions that signed-in users call.
    SELECT pg_has_role(coalesce(nullif(current_setting('role'), 'none'), session_user::text), 'service_role', 'USAGE')
$$;
COMMENT ON FUNCTION feature_usage_router.is_server() IS
'Returns whether the caller is service_role or a member of it, who sees everybody''s usage.';

DO $do$
BEGIN
    EXECUTE format($create$
        CREATE OR REPLACE FUNCTION feature_usage_router.claims() RETURNS text
        LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
            SELECT json_build_object('role', 'authenticated', 'sub', %s)::text
        $$ $create$, CASE WHEN to_regprocedure('auth.uid()') IS NULL THEN 'NULL::uuid' ELSE 'auth.uid()' END);
END
$do$;
COMMENT ON FUNCTION feature_usage_router.claims() IS
'Returns the claims of a signed-in caller, for the shard: nothing but the user.';

-- Who calls. auth.uid() does not travel by itself: the router tells the shard, whose row-level security then
-- decides as on a single database.

-- Without SET, so that it is inlined: it runs in every check. The functions that call it set the search path.
CREATE OR REPLACE FUNCTION feature_usage_router.is_server() RETURNS boolean
LANGUAGE sql STABLE AS $$
    -- Not current_user, which is the owner of the functions that signed-in users call.
    SELECT pg_catalog.pg_has_role(CASE WHEN pg_catalog.current_setting('role') OPERATOR(pg_catalog.=) 'none' THEN session_user
                                       ELSE pg_catalog.current_setting('role')::pg_catalog.name END, 'service_role', 'USAGE')
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

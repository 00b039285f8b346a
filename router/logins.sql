-- As whom the router connects to the shards: callers as service_role's login, the owner as the owner. Where
-- shards want passwords, add the option password.
DO $do$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_user_mappings WHERE srvname = 'feature_usage' AND usename = current_user) THEN
        CREATE USER MAPPING FOR PUBLIC SERVER feature_usage OPTIONS (user 'feature_usage_service');
        CREATE USER MAPPING FOR CURRENT_USER SERVER feature_usage OPTIONS (user 'postgres');
    END IF;
END
$do$;
GRANT USAGE ON FOREIGN SERVER feature_usage TO service_role;

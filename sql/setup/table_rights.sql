-- Who may read and write which table: grants say which tables, policies say which rows.

CREATE FUNCTION @extschema@.feature_usage_setup_table_rights(p_tables text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    ext_schema constant regnamespace := '@extschema@'::regnamespace;
    -- Whether Supabase's auth tells who the caller is. Without it, a signed-in user sees no rows.
    knows_caller boolean := EXISTS (
        SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
         WHERE n.nspname = 'auth' AND p.proname = 'uid' AND p.pronargs = 0 AND p.prorettype = 'uuid'::regtype
           AND @extschema@.feature_usage_setup_trusts(p.proowner));
    api_role record;
    rights record;
    kept record;
BEGIN
    IF knows_caller AND NOT has_schema_privilege('auth', 'USAGE') THEN
        RAISE WARNING 'signed-in users will see no rows of their own: % can''t use schema auth', current_user
            USING HINT = 'Grant USAGE on the schema, then run feature_usage_setup() again.';
        knows_caller := false;
    END IF;

    FOR rights IN
        SELECT c.oid::regclass AS relation, c.oid, c.relname, c.relkind IN ('r', 'p') AS is_table,
               c.relrowsecurity, wanted.*,
               coalesce((SELECT option_value::boolean FROM pg_options_to_table(c.reloptions)
                          WHERE option_name = 'security_invoker'), false) AS is_invoker
          FROM (VALUES
                ('feature_usage',  'ALL',    'SELECT', NULL,     'user_id = (SELECT auth.uid())', NULL),
                ('user_plans',     'ALL',    'SELECT', NULL,     'user_id = (SELECT auth.uid())', NULL),
                ('plan_limits',    'ALL',    'SELECT', 'SELECT', NULL, 'is_active'),
                ('usage_features', 'SELECT', 'SELECT', NULL,     NULL, 'true'),
                ('feature_reservations',     'ALL', 'SELECT', NULL, 'user_id = (SELECT auth.uid())', NULL),
                ('feature_idempotency_keys', 'ALL', NULL,     NULL, NULL, NULL)
               ) AS wanted (name, service_role, authenticated, anon, own_rows, all_rows)
          JOIN pg_class AS c ON c.relnamespace = ext_schema AND c.relname = wanted.name
         WHERE wanted.name = ANY (p_tables)
    LOOP
        FOR api_role IN
            SELECT 'PUBLIC' AS name, NULL AS granted
            UNION ALL
            SELECT quote_ident(r.rolname),
                   CASE r.rolname WHEN 'service_role' THEN rights.service_role
                                  WHEN 'authenticated' THEN rights.authenticated
                                  WHEN 'anon' THEN rights.anon END
              FROM pg_roles AS r WHERE r.rolname IN ('anon', 'authenticated', 'service_role')
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %s', rights.relation, api_role.name);
            -- A view that runs as its owner would show every row to whoever may select from it.
            IF api_role.name IN ('anon', 'authenticated') AND NOT rights.is_table AND NOT rights.is_invoker THEN
                CONTINUE WHEN api_role.granted IS NULL;
                RAISE WARNING 'view % is not granted to %: it would show every row', rights.relation, api_role.name
                    USING HINT = format('ALTER VIEW %s SET (security_invoker = on), then run feature_usage_setup() again.', rights.relation);
            ELSIF api_role.granted IS NOT NULL THEN
                EXECUTE format('GRANT %s ON %s TO %s', api_role.granted, rights.relation, api_role.name);
            END IF;
        END LOOP;

        CONTINUE WHEN NOT rights.is_table;
        IF NOT rights.relrowsecurity THEN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', rights.relation);
        END IF;
        PERFORM @extschema@.feature_usage_setup_policy(rights.relation, rights.relname || '_own_rows',
                    'SELECT', 'authenticated', rights.own_rows, 'A signed-in user reads the rows that are theirs.')
          WHERE rights.own_rows IS NOT NULL AND knows_caller AND to_regrole('authenticated') IS NOT NULL;
        PERFORM @extschema@.feature_usage_setup_policy(rights.relation, rights.relname || '_readable_rows',
                    'SELECT', 'PUBLIC', rights.all_rows, 'Whoever has been granted SELECT reads these rows.')
          WHERE rights.all_rows IS NOT NULL;
        -- Where service_role bypasses row-level security, roles that are members of it do not.
        PERFORM @extschema@.feature_usage_setup_policy(rights.relation, rights.relname || '_service_role',
                    'ALL', 'service_role', 'true', 'The server''s own role has all rows.')
           FROM pg_roles AS r
          WHERE r.rolname = 'service_role' AND rights.name <> 'usage_features';

        FOR kept IN
            SELECT polname FROM pg_policy
             WHERE polrelid = rights.oid AND polpermissive AND polname NOT IN
                   (rights.relname || '_own_rows', rights.relname || '_readable_rows', rights.relname || '_service_role')
        LOOP
            RAISE WARNING 'policy "%" on % is kept; it may show more than a user''s own rows', kept.polname, rights.relation
                USING HINT = 'Drop the policies that the ones of feature_usage replace.';
        END LOOP;
    END LOOP;
END
$function$;

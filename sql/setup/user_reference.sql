-- The reference to auth.users, where there is such a table: a user's rows go when the user goes.

CREATE FUNCTION @extschema@.feature_usage_setup_user_reference(p_table regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    users constant oid := (SELECT c.oid FROM pg_class AS c
                             JOIN pg_namespace AS n ON n.oid = c.relnamespace
                             JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id'
                            WHERE n.nspname = 'auth' AND c.relname = 'users' AND c.relkind IN ('r', 'p')
                              AND a.atttypid = 'uuid'::regtype
                              AND @extschema@.feature_usage_setup_trusts(c.relowner));
    orphans bigint;
BEGIN
    IF users IS NULL
       OR EXISTS (SELECT FROM pg_constraint AS f
                    JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attname = 'user_id'
                   WHERE f.conrelid = p_table AND f.contype = 'f' AND f.confrelid = users
                     AND f.conkey = ARRAY[a.attnum]) THEN
        RETURN;
    END IF;
    IF NOT has_schema_privilege('auth', 'USAGE')
       OR NOT has_column_privilege(users, 'id', 'REFERENCES')
       OR NOT has_column_privilege(users, 'id', 'SELECT') THEN
        RAISE WARNING '% does not reference auth.users: % may not', p_table, current_user
            USING HINT = 'Grant USAGE on the schema and SELECT, REFERENCES on the table, then run feature_usage_setup() again.';
        RETURN;
    END IF;

    EXECUTE format('SELECT count(*) FROM %s AS t WHERE NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = t.user_id)',
                   p_table) INTO orphans;
    EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE %s',
                   p_table, CASE WHEN orphans > 0 THEN 'NOT VALID' ELSE '' END);
    IF orphans > 0 THEN
        RAISE WARNING '% rows of % are of users that are not in auth.users; they are kept', orphans, p_table
            USING HINT = 'Delete them, then validate the foreign key with ALTER TABLE ... VALIDATE CONSTRAINT.';
    END IF;
END
$function$;

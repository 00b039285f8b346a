-- Foreign keys to auth.users, if there is such a table: a user's rows go when the user goes.

CREATE FUNCTION feature_usage_internal.auth_users() RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT c.oid FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id'
     WHERE n.nspname = 'auth' AND c.relname = 'users' AND c.relkind IN ('r', 'p')
       AND a.atttypid = 'uuid'::regtype AND feature_usage_internal.is_trusted(c.relowner)
$function$;
COMMENT ON FUNCTION feature_usage_internal.auth_users() IS
'Returns Supabase''s table of users, if there is one that can be trusted.';

CREATE FUNCTION feature_usage_internal.missing_user_references()
RETURNS TABLE (relation regclass, lock_order smallint, users oid, is_permitted boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order, u.users,
           has_schema_privilege('auth', 'USAGE') AND has_column_privilege(u.users, 'id', 'REFERENCES')
           AND has_column_privilege(u.users, 'id', 'SELECT')
      FROM feature_usage_internal.relations() AS r, feature_usage_internal.auth_users() AS u (users)
     WHERE r.references_users AND r.is_table AND u.users IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_constraint AS f
                         JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attname = 'user_id'
                        WHERE f.conrelid = r.relation AND f.contype = 'f' AND f.confrelid = u.users
                          AND f.conkey = ARRAY[a.attnum])
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_user_references() IS
'Returns the tables that do not reference auth.users but should, and whether the caller may add it.';

CREATE FUNCTION feature_usage_internal.ensure_user_references() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
    orphans bigint;
BEGIN
    -- The deletion of a user cascades in the order in which the foreign keys were created: keys and
    -- reservations before the counters, as calls and prune_feature_usage() lock their rows. A restore
    -- creates them in the order of their names, which is the same.
    FOR missing IN SELECT * FROM feature_usage_internal.missing_user_references() ORDER BY relation::text COLLATE "C" LOOP
        IF NOT missing.is_permitted THEN
            RAISE WARNING '% does not reference auth.users: % lacks the privileges', missing.relation, current_user
                USING HINT = format('As its owner, run GRANT USAGE ON SCHEMA auth TO %1$I; GRANT SELECT, REFERENCES ON auth.users TO %1$I; then run feature_usage_setup() again.', current_user);
            CONTINUE;
        END IF;
        EXECUTE format('SELECT count(*) FROM %s AS t WHERE t.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = t.user_id)',
                       missing.relation) INTO orphans;
        IF orphans > 0 AND (SELECT relkind = 'p' FROM pg_class WHERE oid = missing.relation) THEN
            RAISE EXCEPTION '% rows of % belong to users that are not in auth.users', orphans, missing.relation
                USING ERRCODE = 'foreign_key_violation',
                      HINT = format('A partitioned table can''t keep them: run DELETE FROM %s AS t WHERE NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = t.user_id); then retry.', missing.relation);
        END IF;
        EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE %s',
                       missing.relation, CASE WHEN orphans > 0 THEN 'NOT VALID' ELSE '' END);
        IF orphans > 0 THEN
            RAISE WARNING '% rows of % belong to users that are not in auth.users; they are kept', orphans, missing.relation
                USING HINT = (
                    SELECT format('Run DELETE FROM %1$s AS t WHERE t.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = t.user_id); and ALTER TABLE %1$s VALIDATE CONSTRAINT %2$I;',
                                  missing.relation, c.conname)
                      FROM pg_constraint AS c
                     WHERE c.conrelid = missing.relation AND c.contype = 'f' AND c.confrelid = to_regclass('auth.users') AND NOT c.convalidated
                     ORDER BY c.oid DESC LIMIT 1);
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_user_references() IS
'Adds the missing foreign keys to auth.users, on delete cascade.';

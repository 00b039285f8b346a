-- Row-level security: policies say which rows a role sees, grants say which tables.

CREATE FUNCTION feature_usage_internal.knows_caller() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT EXISTS (SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
                    WHERE n.nspname = 'auth' AND p.proname = 'uid' AND p.pronargs = 0 AND p.prorettype = 'uuid'::regtype
                      AND feature_usage_internal.is_trusted(p.proowner))
$function$;
COMMENT ON FUNCTION feature_usage_internal.knows_caller() IS
'Returns whether Supabase''s auth.uid() says who is signed in. Without it, signed-in users see no rows.';

CREATE FUNCTION feature_usage_internal.shows_pools() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    -- A policy that names a relation which may not be read would make every read of its table fail.
    SELECT coalesce(has_table_privilege(to_regrole('authenticated'), to_regclass('@extschema@.usage_pool_members'), 'SELECT'), false)
           -- A view reads what it is made of with the rights of the caller.
           AND NOT EXISTS (SELECT FROM pg_rewrite AS w
                             JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                                                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
                            WHERE w.ev_class = to_regclass('@extschema@.usage_pool_members')
                              AND NOT has_any_column_privilege('authenticated', d.refobjid, 'SELECT'))
$function$;
COMMENT ON FUNCTION feature_usage_internal.shows_pools() IS
'Returns whether signed-in users may read who belongs to a pool, and so see their pools.';

CREATE FUNCTION feature_usage_internal.missing_policies()
RETURNS TABLE (relation regclass, lock_order smallint, name text, command text, role_name text, condition text,
               description text, is_outdated boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    -- A policy that reads a table which has been replaced would go on reading it.
    SELECT r.relation, r.lock_order, w.name, w.command, w.role_name, w.whole_condition, w.description, p.oid IS NOT NULL
      FROM (SELECT w.*, w.pool_condition IS NOT NULL AND pools.are_shown AS shows_pools,
                   concat_ws(' OR ', w.condition, CASE WHEN pools.are_shown THEN w.pool_condition END) AS whole_condition
              FROM feature_usage_internal.policies AS w, (SELECT feature_usage_internal.shows_pools() AS are_shown) AS pools) AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name AND r.is_table
      LEFT JOIN pg_policy AS p ON p.polrelid = r.relation AND p.polname = w.name
     CROSS JOIN LATERAL (SELECT pg_get_expr(p.polqual, p.polrelid) AS condition) AS existing
     -- One without a condition is to go.
     WHERE (w.whole_condition <> '' OR p.oid IS NOT NULL)
       AND (w.role_name = 'public' OR to_regrole(w.role_name) IS NOT NULL)
       AND (NOT w.needs_auth_uid OR feature_usage_internal.knows_caller() AND has_schema_privilege('auth', 'USAGE'))
       AND (p.oid IS NULL
            -- One that its owner has rewritten stays.
            OR existing.condition LIKE ANY ('{%pl.is_active%,%usage_pool_members%}') AND (w.pool_condition IS NOT NULL OR w.condition LIKE '%pl.is_active%')
               AND EXISTS (SELECT FROM pg_depend AS d
                        WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass
                          AND d.refobjid NOT IN (SELECT o.relation FROM feature_usage_internal.relations() AS o))
            -- Who belongs to a pool has become readable, or is readable no more.
            OR w.pool_condition IS NOT NULL AND w.shows_pools <> (existing.condition LIKE '%usage_pool_members%')
               AND obj_description(p.oid, 'pg_policy') = w.description)
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_policies() IS
'Returns the policies that are missing and can be created, and those that read a table which has been replaced.';

CREATE FUNCTION feature_usage_internal.unprotected_tables() RETURNS TABLE (relation regclass, lock_order smallint)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order
      FROM feature_usage_internal.relations() AS r JOIN pg_class AS c ON c.oid = r.relation
     WHERE r.is_table AND NOT c.relrowsecurity
$function$;
COMMENT ON FUNCTION feature_usage_internal.unprotected_tables() IS
'Returns the tables without row-level security.';

CREATE FUNCTION feature_usage_internal.ensure_policies() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
BEGIN
    IF feature_usage_internal.knows_caller() AND NOT has_schema_privilege('auth', 'USAGE') THEN
        RAISE WARNING 'signed-in users will see no rows of their own: % can''t use schema auth', current_user
            USING HINT = format('As its owner, run GRANT USAGE ON SCHEMA auth TO %I; then run feature_usage_setup() again.', current_user);
    END IF;
    IF to_regrole('authenticated') IS NOT NULL AND NOT feature_usage_internal.shows_pools() THEN
        RAISE WARNING 'signed-in users will see no pools: authenticated may not read usage_pool_members'
            USING HINT = 'A view in its place must be security_invoker, and authenticated must be allowed to SELECT from what it reads. Then run feature_usage_setup() again.';
    END IF;
    FOR missing IN SELECT * FROM feature_usage_internal.unprotected_tables() ORDER BY lock_order LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', missing.relation);
    END LOOP;
    -- A policy that exists is left as its owner has it.
    FOR missing IN SELECT * FROM feature_usage_internal.missing_policies() ORDER BY lock_order, name LOOP
        IF missing.is_outdated THEN
            EXECUTE format('DROP POLICY %I ON %s', missing.name, missing.relation);
        END IF;
        CONTINUE WHEN missing.condition = '';
        EXECUTE format('CREATE POLICY %I ON %s FOR %s TO %s USING (%s)',
                       missing.name, missing.relation, missing.command, missing.role_name, missing.condition);
        EXECUTE format('COMMENT ON POLICY %I ON %s IS %L', missing.name, missing.relation, missing.description);
    END LOOP;
    FOR missing IN
        SELECT r.relation, p.polname FROM pg_policy AS p
          JOIN feature_usage_internal.relations() AS r ON r.relation = p.polrelid AND r.is_table
         WHERE p.polpermissive AND p.polname NOT IN (SELECT w.name FROM feature_usage_internal.policies AS w)
         ORDER BY r.lock_order, p.polname
    LOOP
        RAISE WARNING 'policy "%" on % is kept; it may show more than a user''s own rows', missing.polname, missing.relation
            USING HINT = format('If those of feature_usage replace it, run DROP POLICY %I ON %s;', missing.polname, missing.relation);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_policies() IS
'Enables row-level security, creates missing policies, and warns of others that may show more rows.';

-- Locks: taken before anything is changed, in the order in which everybody locks the tables.

CREATE FUNCTION feature_usage_internal.lock_out_other_setups() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    first regclass;
BEGIN
    SELECT r.relation INTO first FROM feature_usage_internal.relations() AS r WHERE r.is_table ORDER BY r.lock_order LIMIT 1;
    -- Conflicts with itself, and with no lock of a reader or writer. It is the first lock of the
    -- common order, and nobody else who holds it waits for another.
    IF FOUND THEN
        EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', first);
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.lock_out_other_setups() IS
'Waits until no other setup or add_feature() is running; readers and writers go on.';

CREATE FUNCTION feature_usage_internal.needed_locks()
RETURNS TABLE (relation regclass, lock_order smallint, mode text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT relation, lock_order, CASE WHEN bool_or(is_change) THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE UPDATE EXCLUSIVE' END
      FROM (SELECT relation, lock_order, current_type IS NULL FROM feature_usage_internal.missing_columns() WHERE is_table
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.relations()
             WHERE name = 'feature_usage' AND feature_usage_internal.counters_need_change()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.not_negative_checks() WHERE NOT is_complete
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_checks()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_keys()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_indexes()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_fill_factors()
             UNION ALL
            -- A lock of a partitioned table includes its partitions.
            SELECT root, lock_order, true FROM feature_usage_internal.partitions() WHERE NOT is_protected OR missing_fill_factor IS NOT NULL
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_user_references() WHERE is_permitted
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_triggers()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.unprotected_tables()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_policies()
             UNION ALL
            SELECT relation, lock_order, false FROM feature_usage_internal.relations()
             WHERE is_table AND obj_description(relation, 'pg_class') IS NULL
           ) AS needs (relation, lock_order, is_change)
     GROUP BY relation, lock_order
$function$;
COMMENT ON FUNCTION feature_usage_internal.needed_locks() IS
'Returns the tables that a setup would change, and the lock that it needs on each; comments need less.';

CREATE FUNCTION feature_usage_internal.lock_tables_to_change() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    users constant oid := feature_usage_internal.auth_users();
    needed record;
BEGIN
    -- The deletion of a user locks auth.users first and then our tables, in the order of their foreign
    -- keys: it has to end before, or wait until the setup has.
    IF users IS NOT NULL AND EXISTS (SELECT FROM feature_usage_internal.needed_locks() WHERE mode = 'ACCESS EXCLUSIVE')
       AND has_schema_privilege('auth', 'USAGE')
       AND (has_table_privilege(users, 'UPDATE') OR has_table_privilege(users, 'DELETE') OR has_table_privilege(users, 'TRUNCATE')) THEN
        LOCK TABLE auth.users IN SHARE ROW EXCLUSIVE MODE;
    END IF;
    FOR needed IN
        WITH locks AS MATERIALIZED (SELECT * FROM feature_usage_internal.needed_locks())
        SELECT relation, lock_order, mode FROM locks
         UNION
        -- Every call locks feature_usage first, so a session that has it exclusively cannot deadlock with one.
        SELECT r.relation, r.lock_order, 'ACCESS EXCLUSIVE' FROM feature_usage_internal.relations() AS r
         WHERE r.name = 'feature_usage' AND EXISTS (SELECT FROM locks WHERE mode = 'ACCESS EXCLUSIVE')
         ORDER BY lock_order, mode
    LOOP
        EXECUTE format('LOCK TABLE %s IN %s MODE', needed.relation, needed.mode);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.lock_tables_to_change() IS
'Locks the tables that a setup would change, all at once and in the common order.';

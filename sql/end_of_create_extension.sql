-- The end of CREATE EXTENSION: the first setup.
--
-- The script of a trusted extension runs as a superuser, whoever installs it, and tables that exist
-- may run code of their owners: triggers, CHECK constraints, defaults, indexes. Therefore a
-- superuser only creates what is new; then the setup runs with the rights of the installer; after
-- that, when code of the installer may have run, the superuser only detaches: it calls no function,
-- reads no table and trusts no name that the installer could have changed meanwhile.

DO $install$
DECLARE
    owner constant text := (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(extowner))
                              FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'feature_usage');
    tables constant text[] := ARRAY['feature_usage', 'user_plans', 'plan_limits',
                                    'feature_reservations', 'feature_idempotency_keys',
                                    'usage_counters', 'usage_rules', 'usage_grants', 'usage_alerts',
                                    'usage_ledger', 'usage_pools', 'usage_pool_members', 'usage_increments',
                                    'usage_features'];
    is_restore boolean;
    part record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    -- These run with the rights of their owner, whoever writes a row: never with a superuser's.
    EXECUTE 'ALTER FUNCTION feature_usage_internal.govern_feature() OWNER TO ' || owner;
    EXECUTE 'ALTER FUNCTION feature_usage_internal.read_calendars() OWNER TO ' || owner;
    PERFORM feature_usage_internal.ensure_member_grants();

    -- A restore turns row_security off, and brings the tables itself, right after this. It does not
    -- bring the USAGE of the schema: a dump leaves out what the script of an extension has granted.
    is_restore := current_setting('row_security') = 'off';

    -- The installer may lack the right to create tables in this schema.
    FOR part IN SELECT unnest(tables) AS name WHERE NOT is_restore LOOP
        IF to_regclass('@extschema@.' || part.name) IS NULL THEN
            -- Fails if somebody has made one meanwhile: what follows is only for a table of ours.
            PERFORM feature_usage_internal.create_table(part.name);
            EXECUTE 'ALTER TABLE @extschema@.' || part.name || ' OWNER TO ' || owner;
        END IF;
    END LOOP;

    EXECUTE 'CREATE FUNCTION feature_usage_internal.setup_as_owner() RETURNS void
                 LANGUAGE sql SECURITY DEFINER SET search_path = '''' AS '
            || CASE WHEN is_restore THEN '''SELECT feature_usage_internal.ensure_schema_usage()'''
                    ELSE '''SELECT feature_usage_internal.setup(); SELECT feature_usage_internal.warn_of_taken_over()''' END;
    EXECUTE 'ALTER FUNCTION feature_usage_internal.setup_as_owner() OWNER TO ' || owner;
    PERFORM feature_usage_internal.setup_as_owner();

    -- From here on, nothing of the installer's is trusted.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    DROP FUNCTION feature_usage_internal.setup_as_owner();
    IF is_restore THEN
        RETURN;
    END IF;

    -- The tables, and the increments of user-defined features (the only functions in SQL with these
    -- arguments), are the app's and outlive the extension. What was there before joins and leaves as
    -- well: Postgres records the grants that a script makes as the extension's own, even on objects
    -- that are not members, and a dump leaves out what is recorded. Leaving deletes the record.
    FOR part IN
        SELECT object.identity, object.is_member
          FROM (SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                                      WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END || ' ' || c.oid::regclass AS identity,
                       EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS is_member
                  FROM pg_class AS c
                 WHERE c.relnamespace = '@extschema@'::regnamespace
                   AND c.relname = ANY (tables)
                 UNION ALL
                SELECT 'TABLE ' || tree.relid::regclass,
                       EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = tree.relid AND d.deptype = 'e')
                  FROM pg_class AS c CROSS JOIN LATERAL pg_partition_tree(c.oid) AS tree
                 WHERE c.relnamespace = '@extschema@'::regnamespace
                   AND c.relname = ANY (tables) AND tree.level > 0
                 UNION ALL
                -- The sequences of identity columns, if they are new.
                SELECT 'SEQUENCE ' || c.oid::regclass, true
                  FROM pg_class AS c
                  JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                  JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'feature_usage'
                 WHERE c.relkind = 'S'
                 UNION ALL
                SELECT 'FUNCTION ' || p.oid::regprocedure,
                       EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
                  FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
                 WHERE p.pronamespace = '@extschema@'::regnamespace
                   AND l.lanname = 'sql' AND p.proname LIKE 'increment\_%'
                   AND p.proargtypes::text = array_to_string(ARRAY['uuid'::regtype, 'int4'::regtype, 'text'::regtype]::oid[], ' ')
               ) AS object
    LOOP
        IF NOT part.is_member THEN
            EXECUTE 'ALTER EXTENSION feature_usage ADD ' || part.identity;
        END IF;
        EXECUTE 'ALTER EXTENSION feature_usage DROP ' || part.identity;
    END LOOP;
END
$install$;

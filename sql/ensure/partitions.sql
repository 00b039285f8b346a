-- The partitions of an app's partitioned feature_usage. They inherit columns, keys and constraints, but
-- neither storage parameters nor row-level security nor privileges: without these steps, whoever may use
-- a partition's schema could count in it.

CREATE FUNCTION feature_usage_internal.partitions()
RETURNS TABLE (relation regclass, root regclass, lock_order smallint, owner oid, acl aclitem[], is_protected boolean,
               missing_fill_factor smallint)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT c.oid::regclass, r.relation, r.lock_order, c.relowner, coalesce(c.relacl, acldefault('r', c.relowner)), c.relrowsecurity,
           CASE WHEN c.relkind = 'r' AND coalesce(c.reloptions::text, '') NOT LIKE '%fillfactor=%' THEN r.fill_factor END
      FROM feature_usage_internal.relations() AS r
     CROSS JOIN LATERAL pg_partition_tree(r.relation) AS t
      JOIN pg_class AS c ON c.oid = t.relid
     WHERE r.is_table AND t.level > 0
$function$;
COMMENT ON FUNCTION feature_usage_internal.partitions() IS
'Returns the partitions of the tables, on every level.';

CREATE FUNCTION feature_usage_internal.ensure_partitions() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    part record;
    granted record;
BEGIN
    FOR part IN SELECT * FROM feature_usage_internal.partitions() ORDER BY lock_order, relation::text COLLATE "C" LOOP
        IF part.missing_fill_factor IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s SET (fillfactor = %s)', part.relation, part.missing_fill_factor);
        END IF;
        -- Without a policy of its own, only the owner and roles with BYPASSRLS see rows of a partition itself;
        -- the policies of the table apply to whoever names the table.
        IF NOT part.is_protected THEN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part.relation);
        END IF;
        FOR granted IN
            SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS name
              FROM aclexplode(part.acl) AS a
             WHERE a.grantee <> part.owner
               AND (a.grantee = 0 OR pg_get_userbyid(a.grantee) IN ('anon', 'authenticated', 'service_role'))
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', part.relation, granted.name);
        END LOOP;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_partitions() IS
'Gives partitions their fillfactor, and lets the roles of the API reach their rows through the table only.';

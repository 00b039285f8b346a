-- Indexes, and room on the pages.

CREATE FUNCTION feature_usage_internal.missing_indexes()
RETURNS TABLE (relation regclass, lock_order smallint, name text, definition text, is_unique boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order, w.name, w.definition, w.is_unique
      FROM feature_usage_internal.indexes AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name AND r.is_table
     WHERE NOT EXISTS (SELECT FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                        WHERE i.indrelid = r.relation AND c.relname = w.name)
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_indexes() IS
'Returns the indexes that are missing.';

CREATE FUNCTION feature_usage_internal.ensure_indexes() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT * FROM feature_usage_internal.missing_indexes() ORDER BY lock_order, name LOOP
        EXECUTE format('CREATE %s %I ON %s %s', CASE WHEN missing.is_unique THEN 'UNIQUE INDEX' ELSE 'INDEX' END,
                       missing.name, missing.relation, missing.definition);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_indexes() IS
'Creates the indexes that are missing.';

CREATE FUNCTION feature_usage_internal.missing_fill_factors()
RETURNS TABLE (relation regclass, lock_order smallint, fill_factor smallint)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order, r.fill_factor
      FROM feature_usage_internal.relations() AS r JOIN pg_class AS c ON c.oid = r.relation
     WHERE r.fill_factor IS NOT NULL AND c.relkind = 'r' AND coalesce(c.reloptions::text, '') NOT LIKE '%fillfactor=%'
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_fill_factors() IS
'Returns the tables that should have a fillfactor and have none, of whatever value.';

CREATE FUNCTION feature_usage_internal.ensure_fill_factors() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT * FROM feature_usage_internal.missing_fill_factors() ORDER BY lock_order LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = %s)', missing.relation, missing.fill_factor);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_fill_factors() IS
'Sets the fillfactor of the tables that should have one.';

-- CHECK constraints of whole rows.

CREATE FUNCTION feature_usage_internal.missing_checks()
RETURNS TABLE (relation regclass, lock_order smallint, name text, condition text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order, w.name, w.condition
      FROM feature_usage_internal.checks AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name AND r.is_table
     WHERE NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = r.relation AND c.contype = 'c' AND c.conname = w.name)
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_checks() IS
'Returns the CHECK constraints of whole rows that are missing.';

CREATE FUNCTION feature_usage_internal.ensure_checks() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT * FROM feature_usage_internal.missing_checks() ORDER BY lock_order, name LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s)', missing.relation, missing.name, missing.condition);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_checks() IS
'Adds the CHECK constraints of whole rows that are missing.';

-- Triggers of tables that outlive the extension: they call a function of it, and go when it goes.

CREATE FUNCTION feature_usage_internal.missing_triggers()
RETURNS TABLE (relation regclass, lock_order smallint, name text, events text, level text, condition text,
               function_name text, description text, is_other boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order, w.name, w.events, w.level, w.condition, w.function_name, w.description, g.oid IS NOT NULL
      FROM feature_usage_internal.triggers AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name AND r.is_table
      LEFT JOIN pg_trigger AS g ON g.tgrelid = r.relation AND g.tgname = w.name
     WHERE g.oid IS NULL
        OR g.tgenabled <> 'A'
        OR g.tgfoid <> coalesce(to_regprocedure(w.function_name || '()'), 0)
        OR (g.tgqual IS NULL) <> (w.condition IS NULL)
        OR (g.tgtype & 1 = 1) <> (w.level = 'ROW')
        OR NOT EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'feature_usage'
                        WHERE d.classid = 'pg_trigger'::regclass AND d.objid = g.oid
                          AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x')
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_triggers() IS
'Returns the triggers that are missing, or exist in another form.';

CREATE FUNCTION feature_usage_internal.ensure_triggers() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT * FROM feature_usage_internal.missing_triggers() ORDER BY lock_order, name LOOP
        IF missing.is_other THEN
            EXECUTE format('DROP TRIGGER %I ON %s', missing.name, missing.relation);
        END IF;
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s FOR EACH %s %s EXECUTE FUNCTION %s()',
                       missing.name, missing.events, missing.relation, missing.level,
                       'WHEN (' || missing.condition || ')', missing.function_name);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', missing.relation, missing.name);
        EXECUTE format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION feature_usage', missing.name, missing.relation);
        EXECUTE format('COMMENT ON TRIGGER %I ON %s IS %L', missing.name, missing.relation, missing.description);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_triggers() IS
'Creates the triggers that are missing, so that they also run in apply workers of replication.';

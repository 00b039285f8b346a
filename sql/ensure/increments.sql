-- The increments of user-defined features: ordinary functions, which outlive the extension and are dumped.

CREATE FUNCTION feature_usage_internal.ensure_increments() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    wanted record;
    existing record;
BEGIN
    FOR wanted IN
        SELECT f.feature_type, f.usage_column, k.key_form,
               '@extschema@.' || format('%I(uuid, integer, text)', 'increment_' || f.usage_column) AS signature,
               '@extschema@.' || format('%I(p_user_id uuid, p_count integer, p_period text)', 'increment_' || f.usage_column) AS declaration,
               'SELECT @extschema@.' || format('increment_feature_usage(p_user_id, %L::pg_catalog.text, p_count, p_period)', f.feature_type) AS body
          FROM feature_usage_internal.features(false) AS f
          JOIN feature_usage_internal.period_kinds AS k ON k.name = f.period
         WHERE NOT f.is_builtin
         ORDER BY f.feature_type COLLATE "C"
    LOOP
        SELECT pg_get_userbyid(p.proowner) AS owner,
               p.prosrc = wanted.body AND NOT p.prosecdef AND p.proconfig = '{"search_path=\"\""}'
               AND feature_usage_internal.is_trusted(p.proowner) AS is_ours
          INTO existing
          FROM pg_proc AS p WHERE p.oid = to_regprocedure(wanted.signature);
        IF NOT FOUND THEN
            -- search_path is empty, so that no caller's path decides what the body calls.
            EXECUTE format('CREATE FUNCTION %s RETURNS void LANGUAGE sql SET search_path = '''' AS %L',
                           wanted.declaration, wanted.body);
            EXECUTE format('COMMENT ON FUNCTION %s IS %L', wanted.signature, format(
                'Adds p_count to the usage of feature %s. p_period is current, or a period key (%s). Errors are those of increment_feature_usage().',
                wanted.feature_type, wanted.key_form));
        ELSIF existing.is_ours IS NOT TRUE THEN
            RAISE EXCEPTION 'function % (owner %) conflicts with the increment of feature %',
                    wanted.signature, quote_ident(existing.owner), wanted.feature_type
                USING ERRCODE = 'duplicate_function', HINT = format('Rename it, or run DROP FUNCTION %s; then retry.', wanted.signature);
        END IF;
        PERFORM feature_usage_internal.ensure_function_grants(wanted.signature::regprocedure, '{service_role}');
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_increments() IS
'Creates the increment of every user-defined feature, with the rights of the built-in ones.';

CREATE FUNCTION feature_usage_internal.warn_of_overloads() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    other record;
BEGIN
    FOR other IN
        SELECT p.oid::regprocedure AS signature FROM pg_proc AS p
         WHERE p.pronamespace = '@extschema@'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
           AND p.proname IN (SELECT m.proname FROM pg_proc AS m
                               JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = m.oid AND d.deptype = 'e'
                               JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                              WHERE e.extname = 'feature_usage' AND m.pronamespace = '@extschema@'::regnamespace)
         ORDER BY 1
    LOOP
        RAISE WARNING 'function % is kept beside the one of feature_usage', other.signature
            USING HINT = format('Calls may be ambiguous. If feature_usage replaces it, run DROP ROUTINE %s;', other.signature);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_overloads() IS
'Warns of functions that have the names of ours: with them, a call may be ambiguous.';

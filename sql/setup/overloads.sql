-- Functions of the app's own that have our names: with them, a call may be ambiguous.

CREATE FUNCTION @extschema@.feature_usage_setup_overloads() RETURNS void
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
                              WHERE e.extname = 'feature_usage')
         ORDER BY 1
    LOOP
        RAISE WARNING 'function % is kept beside the one of feature_usage', other.signature
            USING HINT = 'Calls may be ambiguous: drop it if it is the one that feature_usage replaces.';
    END LOOP;
END
$function$;

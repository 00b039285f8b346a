-- Comes first: a function of somebody else's that has the name of a part of the setup, and fits a
-- call better, would run with the rights of whoever runs the setup.

CREATE FUNCTION @extschema@.feature_usage_setup_parts() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    intruder record;
BEGIN
    SELECT p.oid::regprocedure AS signature, pg_get_userbyid(p.proowner) AS owner INTO intruder
      FROM pg_proc AS p
     WHERE p.pronamespace = '@extschema@'::regnamespace AND p.proname LIKE 'feature\_usage\_setup%'
       AND NOT EXISTS (SELECT FROM pg_depend AS d
                         JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'feature_usage'
                        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                          AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e');
    IF intruder.signature IS NOT NULL THEN
        RAISE EXCEPTION 'function % of % is not a part of feature_usage', intruder.signature, quote_ident(intruder.owner)
            USING ERRCODE = 'duplicate_function', HINT = 'Nobody else needs a function of this name: drop it.';
    END IF;
END
$function$;

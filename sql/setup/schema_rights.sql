-- The API's roles must be able to use the schema, if it is not public already.

CREATE FUNCTION @extschema@.feature_usage_setup_schema_rights() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    ext_schema constant regnamespace := '@extschema@'::regnamespace;
    api_role record;
BEGIN
    FOR api_role IN
        SELECT rolname FROM pg_roles
         WHERE rolname IN ('anon', 'authenticated', 'service_role')
           AND NOT has_schema_privilege(oid, ext_schema, 'USAGE')
    LOOP
        IF has_schema_privilege(ext_schema, 'USAGE WITH GRANT OPTION') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', ext_schema, api_role.rolname);
        ELSE
            RAISE WARNING 'role % can''t use schema %', api_role.rolname, ext_schema
                USING HINT = format('Ask the owner of the schema to GRANT USAGE ON SCHEMA %s TO %I.', ext_schema, api_role.rolname);
        END IF;
    END LOOP;
END
$function$;

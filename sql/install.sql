-- The end of CREATE EXTENSION: the first setup, with the rights of the extension's owner.
--
-- The script of a trusted extension runs as a superuser. Existing tables may carry triggers of
-- whoever made them, so the setup must not: for this one call it runs as the owner.

DO $install$
DECLARE
    owner constant name := (SELECT pg_catalog.pg_get_userbyid(extowner)
                              FROM pg_catalog.pg_extension WHERE extname = 'feature_usage');
    may_create constant boolean := pg_catalog.has_schema_privilege(owner, '@extschema@', 'CREATE');
    created record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format('ALTER TABLE @extschema@.usage_features OWNER TO %I', owner);
    PERFORM @extschema@.feature_usage_setup_function_rights();

    -- A restore turns row_security off, and brings the tables itself, right after this.
    IF current_setting('row_security') = 'off' THEN
        PERFORM @extschema@.feature_usage_setup_table_rights();
        RETURN;
    END IF;

    IF NOT may_create THEN
        EXECUTE format('GRANT CREATE ON SCHEMA @extschema@ TO %I', owner);
    END IF;
    EXECUTE format('ALTER FUNCTION @extschema@.feature_usage_setup() OWNER TO %I', owner);
    ALTER FUNCTION @extschema@.feature_usage_setup() SECURITY DEFINER;
    PERFORM @extschema@.feature_usage_setup();
    ALTER FUNCTION @extschema@.feature_usage_setup() SECURITY INVOKER;
    ALTER FUNCTION @extschema@.feature_usage_setup() OWNER TO CURRENT_USER;
    IF NOT may_create THEN
        EXECUTE format('REVOKE CREATE ON SCHEMA @extschema@ FROM %I', owner);
    END IF;
    PERFORM @extschema@.feature_usage_setup_function_rights();

    -- What the setup has created holds the app's data: it is the app's, and outlives the extension.
    FOR created IN
        SELECT CASE WHEN d.classid = 'pg_class'::regclass THEN format('TABLE %s', d.objid::regclass)
                    ELSE format('FUNCTION %s', d.objid::regprocedure) END AS object
          FROM pg_depend AS d
          JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
         WHERE e.extname = 'feature_usage' AND d.deptype = 'e'
           AND (d.objid IN (to_regclass('@extschema@.feature_usage'), to_regclass('@extschema@.plan_limits'),
                            to_regclass('@extschema@.user_plans'))
                OR d.objid IN (SELECT to_regprocedure(format('@extschema@.%I(uuid, integer, text)', 'increment_' || usage_column))
                                 FROM @extschema@.usage_features WHERE NOT is_builtin))
    LOOP
        EXECUTE format('ALTER EXTENSION feature_usage DROP %s', created.object);
    END LOOP;
END
$install$;

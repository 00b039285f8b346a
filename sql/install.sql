-- The end of CREATE EXTENSION: the first setup.
--
-- The script of a trusted extension runs as a superuser, whoever installs it. Tables that exist may
-- carry code of their owners: triggers, checks, defaults. So a superuser only makes what is new and
-- what belongs to the extension; everything that exists is set up with the rights of the installer,
-- and nothing that the installer could have changed meanwhile is relied on afterwards.

DO $install$
DECLARE
    owner constant name := (SELECT pg_catalog.pg_get_userbyid(extowner)
                              FROM pg_catalog.pg_extension WHERE extname = 'feature_usage');
    part record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM @extschema@.feature_usage_setup_function_rights();
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON @extschema@.usage_features TO ' || quote_ident(owner);

    -- A restore turns row_security off, and brings the tables itself, right after this.
    IF current_setting('row_security') = 'on' THEN
        FOR part IN
            SELECT name FROM unnest(ARRAY['feature_usage', 'plan_limits', 'user_plans']) AS t (name)
             WHERE to_regclass('@extschema@.' || name) IS NULL
        LOOP
            EXECUTE 'SELECT @extschema@.feature_usage_setup_' || part.name || '()';
            EXECUTE 'ALTER TABLE @extschema@.' || part.name || ' OWNER TO ' || quote_ident(owner);
        END LOOP;

        CREATE FUNCTION @extschema@.feature_usage_install() RETURNS void
            LANGUAGE sql SECURITY DEFINER SET search_path = ''
            AS 'SELECT @extschema@.feature_usage_setup()';
        EXECUTE 'ALTER FUNCTION @extschema@.feature_usage_install() OWNER TO ' || quote_ident(owner);
        PERFORM @extschema@.feature_usage_install();
        DROP FUNCTION @extschema@.feature_usage_install();

        -- What the setup has created holds the app's data: it is the app's, and outlives the extension.
        FOR part IN
            SELECT CASE WHEN d.classid = 'pg_class'::regclass THEN format('TABLE %s', d.objid::regclass)
                        ELSE format('FUNCTION %s', d.objid::regprocedure) END AS object
              FROM pg_depend AS d
              JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
             WHERE e.extname = 'feature_usage' AND d.deptype = 'e'
               AND (d.objid IN (to_regclass('@extschema@.feature_usage'), to_regclass('@extschema@.plan_limits'),
                                to_regclass('@extschema@.user_plans'))
                    OR d.objid IN (SELECT to_regprocedure('@extschema@.' || format('%I(uuid, integer, text)', 'increment_' || usage_column))
                                     FROM @extschema@.usage_features WHERE NOT is_builtin))
        LOOP
            EXECUTE 'ALTER EXTENSION feature_usage DROP ' || part.object;
        END LOOP;
    END IF;

    PERFORM @extschema@.feature_usage_setup_table_rights(ARRAY['usage_features']);
    EXECUTE 'ALTER TABLE @extschema@.usage_features OWNER TO ' || quote_ident(owner);
END
$install$;

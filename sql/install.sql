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

        -- What the setup has made holds the app's data: it is the app's, and outlives the extension.
        -- What was there before joins and leaves as well: Postgres notes the grants of an
        -- extension's script as the extension's own, also on objects that are not members, and a
        -- dump leaves out what is noted. Leaving takes the note away.
        FOR part IN
            SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                                WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END || ' ' || oid::regclass AS object,
                   'pg_class'::regclass AS catalog, oid
              FROM pg_class
             WHERE oid IN (to_regclass('@extschema@.feature_usage'), to_regclass('@extschema@.plan_limits'),
                           to_regclass('@extschema@.user_plans'))
            UNION ALL
            SELECT 'FUNCTION ' || increment::text, 'pg_proc'::regclass, increment
              FROM @extschema@.usage_features,
                   to_regprocedure('@extschema@.' || format('%I(uuid, integer, text)', 'increment_' || usage_column)) AS increment
             WHERE NOT is_builtin AND increment IS NOT NULL
        LOOP
            IF NOT EXISTS (SELECT FROM pg_depend WHERE classid = part.catalog AND objid = part.oid AND deptype = 'e') THEN
                EXECUTE 'ALTER EXTENSION feature_usage ADD ' || part.object;
            END IF;
            EXECUTE 'ALTER EXTENSION feature_usage DROP ' || part.object;
        END LOOP;
    END IF;

    PERFORM @extschema@.feature_usage_setup_table_rights(ARRAY['usage_features']);
    EXECUTE 'ALTER TABLE @extschema@.usage_features OWNER TO ' || quote_ident(owner);
END
$install$;

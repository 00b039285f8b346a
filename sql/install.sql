-- The end of CREATE EXTENSION: the first setup.
--
-- The script of a trusted extension runs as a superuser, whoever installs it, and tables that exist
-- may carry code of their owners: triggers, checks, defaults, indexes. So a superuser makes only
-- what is new; then everything is set up with the rights of the installer; and after that, when
-- code of the installer's may have run, the superuser only detaches: it calls no function, reads
-- no table and trusts no name that the installer could have changed meanwhile.

DO $install$
DECLARE
    owner constant text := (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(extowner))
                              FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'feature_usage');
    tables constant name[] := ARRAY['feature_usage', 'plan_limits', 'user_plans',
                                    'feature_reservations', 'feature_idempotency_keys'];
    part record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM @extschema@.feature_usage_setup_parts();
    PERFORM @extschema@.feature_usage_setup_function_rights();
    PERFORM @extschema@.feature_usage_setup_table_rights(ARRAY['usage_features']);

    -- A restore turns row_security off, and brings the tables itself, right after this.
    IF current_setting('row_security') = 'off' THEN
        EXECUTE 'ALTER TABLE @extschema@.usage_features OWNER TO ' || owner;
        RETURN;
    END IF;

    FOR part IN SELECT unnest(tables) AS name LOOP
        IF to_regclass('@extschema@.' || part.name) IS NULL THEN
            -- Fails if somebody has made one meanwhile: what follows is only for a table of ours.
            EXECUTE 'CREATE TABLE @extschema@.' || part.name || ' ()';
            EXECUTE 'SELECT @extschema@.feature_usage_setup_' || part.name || '()';
            EXECUTE 'ALTER TABLE @extschema@.' || part.name || ' OWNER TO ' || owner;
        END IF;
    END LOOP;
    EXECUTE 'ALTER TABLE @extschema@.usage_features OWNER TO ' || owner;

    CREATE FUNCTION @extschema@.feature_usage_install() RETURNS void
        LANGUAGE sql SECURITY DEFINER SET search_path = ''
        AS 'SELECT @extschema@.feature_usage_setup()';
    EXECUTE 'ALTER FUNCTION @extschema@.feature_usage_install() OWNER TO ' || owner;
    PERFORM @extschema@.feature_usage_install();

    -- From here on, nothing of the installer's is trusted.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    DROP FUNCTION @extschema@.feature_usage_install();

    -- The tables, and the increments of custom features (the only members in SQL), hold or serve the
    -- app's data: they are the app's, and outlive the extension. What was there before joins and
    -- leaves as well: Postgres notes the grants that a script makes as the extension's own, also on
    -- objects that are not members, and a dump leaves out what is noted. Leaving takes the note away.
    FOR part IN
        SELECT object.identity, object.is_member
          FROM (SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                                      WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END || ' ' || c.oid::regclass AS identity,
                       EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS is_member
                  FROM pg_class AS c
                 WHERE c.relnamespace = '@extschema@'::regnamespace
                   AND c.relname = ANY (tables)
                 UNION ALL
                SELECT 'FUNCTION ' || p.oid::regprocedure,
                       EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
                  FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
                 WHERE p.pronamespace = '@extschema@'::regnamespace
                   AND l.lanname = 'sql' AND p.proname LIKE 'increment\_%'
                   AND p.proargtypes::text = array_to_string(ARRAY['uuid'::regtype, 'int4'::regtype, 'text'::regtype]::oid[], ' ')
               ) AS object
    LOOP
        IF NOT part.is_member THEN
            EXECUTE 'ALTER EXTENSION feature_usage ADD ' || part.identity;
        END IF;
        EXECUTE 'ALTER EXTENSION feature_usage DROP ' || part.identity;
    END LOOP;
END
$install$;

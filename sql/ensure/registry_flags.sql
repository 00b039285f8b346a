-- The flags of the registry that say which calls read more than the plan's limit: once set, they
-- stay. Clearing one would race with a rule that is being written, and fail open.

CREATE FUNCTION feature_usage_internal.govern_feature() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    named record;
BEGIN
    -- Keep the order in which setup locks the tables, for the lock below.
    LOCK TABLE @extschema@.usage_increments IN ROW SHARE MODE;
    -- Whoever owns the registry may have put triggers and policies on it, which would run as this role.
    LOCK TABLE @extschema@.usage_features IN ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM pg_class AS c JOIN pg_roles AS o ON o.oid = c.relowner
                    WHERE c.oid = to_regclass('@extschema@.usage_features') AND c.relkind IN ('r', 'p') AND o.rolname = current_user) THEN
        RAISE EXCEPTION 'usage_features does not belong to %', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'As a superuser, run SELECT @extschema@.feature_usage_setup();';
    END IF;
    -- A cost names two features: the one that costs, and its currency.
    FOR named IN
        SELECT w.feature_type, f.is_governed
          FROM unnest(ARRAY[NEW.feature_type, to_jsonb(NEW) ->> 'paid_in']) AS w (feature_type)
          LEFT JOIN @extschema@.usage_features AS f USING (feature_type)
         WHERE w.feature_type IS NOT NULL ORDER BY w.feature_type COLLATE "C"
    LOOP
        IF named.is_governed IS NULL THEN
            RAISE EXCEPTION 'unknown feature type "%"', left(named.feature_type, 64)
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = format('The feature types are %s. Register others with add_feature().',
                                    (SELECT string_agg(f.feature_type, ', ' ORDER BY f.feature_type COLLATE "C") FROM @extschema@.usage_features AS f));
        END IF;
        IF NOT named.is_governed THEN
            -- The first rules of several features, in any order, wait for one another here.
            PERFORM pg_advisory_xact_lock(hashtextextended('feature_usage: flags of the registry', 0));
            -- Wait for increments that were appended without looking for rules. Later ones wait for this
            -- rule, and then count by it.
            LOCK TABLE @extschema@.usage_increments IN SHARE MODE;
            UPDATE @extschema@.usage_features AS f SET is_governed = true WHERE f.feature_type = named.feature_type AND NOT f.is_governed;
            -- Another transaction may have set it while this one waited for the row.
            IF NOT FOUND AND NOT EXISTS (SELECT FROM @extschema@.usage_features AS f
                                          WHERE f.feature_type = named.feature_type AND f.is_governed) THEN
                RAISE EXCEPTION 'feature % could not be marked as governed', named.feature_type
                    USING ERRCODE = 'object_not_in_prerequisite_state',
                          HINT = 'usage_features must belong to the owner of the extension, and no trigger may suppress its updates.';
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.govern_feature() IS
'Trigger function of usage_rules and usage_grants: refuses unknown features, and sets is_governed of those it names. Runs as the owner of the extension, since only the owner writes the registry; it does nothing else.';

CREATE FUNCTION feature_usage_internal.read_calendars() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    -- Whoever owns the registry may have put triggers and policies on it, which would run as this role.
    LOCK TABLE @extschema@.usage_features IN ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM pg_class AS c JOIN pg_roles AS o ON o.oid = c.relowner
                    WHERE c.oid = to_regclass('@extschema@.usage_features') AND c.relkind IN ('r', 'p') AND o.rolname = current_user) THEN
        RAISE EXCEPTION 'usage_features does not belong to %', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'As a superuser, run SELECT @extschema@.feature_usage_setup();';
    END IF;
    -- The flag of any feature counts for all, also for one that is being added.
    IF NOT EXISTS (SELECT FROM @extschema@.usage_features AS f WHERE f.reads_calendars) THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('feature_usage: flags of the registry', 0));
        UPDATE @extschema@.usage_features AS f SET reads_calendars = true WHERE NOT f.reads_calendars;
        IF NOT FOUND AND NOT EXISTS (SELECT FROM @extschema@.usage_features AS f WHERE f.reads_calendars) THEN
            RAISE EXCEPTION 'the registry could not be told of time zones and anchors'
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'usage_features must have features and belong to the owner of the extension, and no trigger may suppress its updates.';
        END IF;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.read_calendars() IS
'Trigger function of user_plans and plan_limits: sets reads_calendars when the first time zone or anchor is written. Runs as the owner of the extension; it does nothing else.';

CREATE FUNCTION feature_usage_internal.ensure_registry_writers() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    writer record;
BEGIN
    -- Only a superuser can give a function away. Others own both, unless a superuser has installed.
    FOR writer IN
        SELECT p.oid::regprocedure AS signature, pg_get_userbyid(c.relowner) AS registry_owner
          FROM pg_proc AS p, pg_class AS c
         WHERE p.oid IN ('feature_usage_internal.govern_feature()'::regprocedure, 'feature_usage_internal.read_calendars()'::regprocedure)
           AND c.oid = to_regclass('@extschema@.usage_features') AND p.proowner <> c.relowner
           AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', writer.signature, writer.registry_owner);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_registry_writers() IS
'Makes the owner of the registry own the functions that write it, if a superuser has installed or restored it for another role.';

CREATE FUNCTION feature_usage_internal.ensure_registry_flags() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    plans record;
    has_calendars boolean;
    governed text[];
BEGIN
    governed := ARRAY(SELECT ur.feature_type FROM @extschema@.usage_rules AS ur UNION SELECT ur.paid_in FROM @extschema@.usage_rules AS ur
                       UNION SELECT ug.feature_type FROM @extschema@.usage_grants AS ug);
    IF EXISTS (SELECT FROM @extschema@.usage_features AS f WHERE NOT f.is_governed AND f.feature_type = ANY (governed)) THEN
        LOCK TABLE @extschema@.usage_increments IN SHARE MODE;
        UPDATE @extschema@.usage_features AS f SET is_governed = true WHERE NOT f.is_governed AND f.feature_type = ANY (governed);
    END IF;
    FOR plans IN
        SELECT r.relation FROM feature_usage_internal.relations() AS r
         WHERE r.name IN ('user_plans', 'plan_limits') AND r.is_table ORDER BY r.lock_order
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM @extschema@.usage_features AS f WHERE f.reads_calendars);
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE time_zone IS NOT NULL OR period_anchor IS NOT NULL)', plans.relation)
           INTO has_calendars;
        IF has_calendars THEN
            UPDATE @extschema@.usage_features AS f SET reads_calendars = true WHERE NOT f.reads_calendars;
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_registry_flags() IS
'Sets the flags of the registry for rules, grants, time zones and anchors that came without their triggers, as in a restore.';

CREATE FUNCTION feature_usage_internal.warn_of_writable_calendars() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    writable record;
BEGIN
    -- On our own tables, signed-in users have no more than SELECT; a view reads tables that may be theirs.
    IF to_regrole('authenticated') IS NULL
       OR NOT EXISTS (SELECT FROM @extschema@.usage_features AS f WHERE f.period LIKE 'billing%')
          AND NOT EXISTS (SELECT FROM @extschema@.usage_rules AS ur WHERE ur.per LIKE 'billing%') THEN
        RETURN;
    END IF;
    FOR writable IN
        SELECT DISTINCT r.relation AS plans, d.refobjid::regclass AS base, a.attname
          FROM feature_usage_internal.relations() AS r
          JOIN pg_rewrite AS w ON w.ev_class = r.relation
          JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                             AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
          JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE r.name IN ('user_plans', 'plan_limits', 'usage_pools') AND NOT r.is_table
           AND a.attname IN ('time_zone', 'period_anchor')
           AND has_column_privilege('authenticated', d.refobjid, a.attnum, 'UPDATE')
         ORDER BY 1, 2, 3
    LOOP
        RAISE WARNING 'signed-in users may update %.%, which % reads', writable.base, quote_ident(writable.attname), writable.plans
            USING HINT = format('Whoever changes when billing periods begin begins a new one. Run REVOKE UPDATE ON %s FROM authenticated; and grant UPDATE on the other columns.', writable.base);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_writable_calendars() IS
'Warns of time zones and anchors of billing periods that signed-in users may change.';

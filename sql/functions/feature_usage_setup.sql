-- The setup: everything that outlives the extension, created or brought up to date.

CREATE FUNCTION feature_usage_internal.setup() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $function$
DECLARE
    all_tables constant text[] := ARRAY(SELECT t.name FROM feature_usage_internal.tables AS t);
    missing record;
BEGIN
    PERFORM feature_usage_internal.refuse_unusable_tables();
    PERFORM feature_usage_internal.refuse_other_types();
    PERFORM feature_usage_internal.lock_out_other_setups();
    -- What takes long, or needs no exclusive lock, comes before the locks that hold up calls.
    PERFORM feature_usage_internal.validate_not_negative();
    PERFORM feature_usage_internal.ensure_member_grants();
    PERFORM feature_usage_internal.lock_tables_to_change();
    -- Again, since a rule may have been created while this waited for the locks.
    PERFORM feature_usage_internal.refuse_unusable_tables();
    FOR missing IN
        SELECT t.name FROM feature_usage_internal.tables AS t
         WHERE t.name NOT IN (SELECT r.name FROM feature_usage_internal.relations() AS r) ORDER BY t.lock_order
    LOOP
        PERFORM feature_usage_internal.create_table(missing.name);
    END LOOP;

    PERFORM feature_usage_internal.ensure_table_comments();
    PERFORM feature_usage_internal.ensure_columns(all_tables);
    PERFORM feature_usage_internal.ensure_counters();
    PERFORM feature_usage_internal.ensure_limits_not_negative();
    PERFORM feature_usage_internal.ensure_checks();
    PERFORM feature_usage_internal.ensure_keys();
    PERFORM feature_usage_internal.ensure_indexes();
    PERFORM feature_usage_internal.ensure_fill_factors();
    PERFORM feature_usage_internal.ensure_partitions();
    PERFORM feature_usage_internal.ensure_user_references();
    PERFORM feature_usage_internal.ensure_reservation_flags();
    PERFORM feature_usage_internal.ensure_rows('usage_features', false);
    PERFORM feature_usage_internal.ensure_triggers();
    PERFORM feature_usage_internal.ensure_registry_writers();
    PERFORM feature_usage_internal.ensure_registry_flags();
    PERFORM feature_usage_internal.ensure_increments();
    PERFORM feature_usage_internal.ensure_schema_usage();
    PERFORM feature_usage_internal.ensure_grants();
    PERFORM feature_usage_internal.revoke_sequences();
    PERFORM feature_usage_internal.ensure_policies();
    PERFORM feature_usage_internal.warn_of_overloads();
    PERFORM feature_usage_internal.warn_of_writable_calendars();
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.setup() IS
'Does what feature_usage_setup() does.';

CREATE FUNCTION @extschema@.feature_usage_setup() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $function$
    SELECT feature_usage_internal.setup()
$function$;
COMMENT ON FUNCTION @extschema@.feature_usage_setup() IS
'Creates the tables of feature_usage, or brings existing ones up to date. '
'It adds missing columns, defaults, keys, indexes, policies and privileges, and turns NULL counts into 0; it keeps every row and every column. CREATE EXTENSION calls it. Call it again after a restore without roles, after you have replaced user_plans by a view, or if an error says so, in a transaction of its own: it locks feature_usage, and the tables that it changes. For the owner of the extension. Errors: 23505 for duplicates of a key, 23514 for negative counts or limits, 23502 for rows without a key, 23503 for counts of users that are gone in a partitioned table, 55000 for a deferrable key, 42804 for a column of another type, 42501 for a table of an untrusted role, 0A000 for a table with a rule and for one that Citus distributes. The detail lists the rows.';

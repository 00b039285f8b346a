-- The setup: everything that lives outside the extension, created or brought up to date.

CREATE FUNCTION @extschema@.feature_usage_setup() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    PERFORM @extschema@.feature_usage_setup_parts();

    -- Two setups at once would both add the same column.
    LOCK TABLE @extschema@.usage_features IN SHARE ROW EXCLUSIVE MODE;

    PERFORM @extschema@.feature_usage_setup_features();
    PERFORM @extschema@.feature_usage_setup_feature_usage();
    PERFORM @extschema@.feature_usage_setup_plan_limits();
    PERFORM @extschema@.feature_usage_setup_user_plans();
    PERFORM @extschema@.feature_usage_setup_feature_reservations();
    PERFORM @extschema@.feature_usage_setup_feature_idempotency_keys();
    PERFORM @extschema@.feature_usage_setup_user_reference(oid::regclass) FROM pg_class
      WHERE oid IN ('@extschema@.feature_usage'::regclass, '@extschema@.user_plans'::regclass,
                    '@extschema@.feature_reservations'::regclass, '@extschema@.feature_idempotency_keys'::regclass)
        AND relkind IN ('r', 'p')
      ORDER BY relname;
    -- Counts that were restored, or came in place of deleted ones, do not know of what is open.
    IF EXISTS (SELECT FROM @extschema@.feature_reservations WHERE status = 'reserved') THEN
        UPDATE @extschema@.feature_usage AS fu SET has_reservations = true
          FROM @extschema@.feature_reservations AS fr
         WHERE fr.status = 'reserved' AND fr.user_id = fu.user_id AND fr.period = fu.period
           AND NOT fu.has_reservations;
    END IF;
    PERFORM @extschema@.feature_usage_setup_notes();
    PERFORM @extschema@.feature_usage_setup_increments();
    PERFORM @extschema@.feature_usage_setup_function_rights();
    PERFORM @extschema@.feature_usage_setup_schema_rights();
    PERFORM @extschema@.feature_usage_setup_table_rights(
                ARRAY['feature_usage', 'plan_limits', 'user_plans', 'usage_features',
                      'feature_reservations', 'feature_idempotency_keys']);
    PERFORM @extschema@.feature_usage_setup_overloads();
END
$function$;

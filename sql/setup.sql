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

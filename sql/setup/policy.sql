-- One policy, created where it is missing; one that exists is left as the owner has it.

CREATE FUNCTION @extschema@.feature_usage_setup_policy(
    p_table regclass, p_name text, p_command text, p_role text, p_condition text, p_description text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = p_table AND polname = p_name) THEN
        EXECUTE format('CREATE POLICY %I ON %s FOR %s TO %s USING (%s)',
                       p_name, p_table, p_command, p_role, p_condition);
        EXECUTE format('COMMENT ON POLICY %I ON %s IS %L', p_name, p_table, p_description);
    END IF;
END
$function$;

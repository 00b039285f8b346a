-- The increments of custom features: wrappers that belong to the app, and are dumped with it.

CREATE FUNCTION @extschema@.feature_usage_setup_increments() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    wrapper record;
    existing_body text;
BEGIN
    FOR wrapper IN
        SELECT feature_type,
               '@extschema@.' || format('%I(uuid, integer, text)', 'increment_' || usage_column) AS signature,
               '@extschema@.' || format('%I(p_user_id uuid, p_count integer, p_period text)', 'increment_' || usage_column) AS declaration,
               'SELECT @extschema@.' || format('increment_feature_usage(p_user_id, %L, p_count, p_period)', feature_type) AS body
          FROM @extschema@.usage_features WHERE NOT is_builtin
    LOOP
        SELECT prosrc INTO existing_body FROM pg_proc WHERE oid = to_regprocedure(wrapper.signature);
        CONTINUE WHEN existing_body = wrapper.body;
        IF existing_body IS NOT NULL THEN
            RAISE EXCEPTION 'function % already exists', wrapper.signature
                USING ERRCODE = 'duplicate_function',
                      HINT = 'It is not the one that add_feature() creates: drop it, then try again.';
        END IF;
        -- search_path is empty, so that no caller's path decides what the body calls.
        EXECUTE format('CREATE FUNCTION %s RETURNS void LANGUAGE sql SET search_path = '''' AS %L',
                       wrapper.declaration, wrapper.body);
        EXECUTE format('COMMENT ON FUNCTION %s IS %L', wrapper.signature, format(
            'Adds p_count to the usage of feature %s, as increment_feature_usage() does.', wrapper.feature_type));
    END LOOP;
END
$function$;

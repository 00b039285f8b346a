-- One index, created where it is missing.

CREATE FUNCTION @extschema@.feature_usage_setup_index(p_table regclass, p_name text, p_definition text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                    WHERE i.indrelid = p_table AND c.relname = p_name) THEN
        EXECUTE format('CREATE INDEX %I ON %s %s', p_name, p_table, p_definition);
    END IF;
END
$function$;

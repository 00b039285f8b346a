-- One table. A missing one is created without columns, and from there on is like one that exists:
-- it gets what it lacks and keeps everything else.

CREATE FUNCTION @extschema@.feature_usage_setup_table(p_name text, p_description text) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    qualified constant text := '@extschema@.' || quote_ident(p_name);
BEGIN
    IF to_regclass(qualified) IS NULL THEN
        EXECUTE format('CREATE TABLE %s ()', qualified);
        EXECUTE format('COMMENT ON TABLE %s IS %L', qualified, p_description);
    END IF;
    RETURN qualified::regclass;
END
$function$;

-- One table. A missing one is created without columns, and from there on is like one that exists:
-- it gets what it lacks and keeps everything else.

CREATE FUNCTION @extschema@.feature_usage_setup_table(p_name text, p_description text) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    qualified constant text := '@extschema@.' || quote_ident(p_name);
    found record;
BEGIN
    IF to_regclass(qualified) IS NULL THEN
        EXECUTE format('CREATE TABLE %s ()', qualified);
    END IF;
    SELECT c.oid::regclass AS relation, c.relkind IN ('r', 'p') AS is_table, pg_get_userbyid(c.relowner) AS owner,
           @extschema@.feature_usage_setup_trusts(c.relowner) AS is_trusted INTO found
      FROM pg_class AS c WHERE c.oid = qualified::regclass;
    IF NOT found.is_trusted THEN
        RAISE EXCEPTION '% belongs to %', found.relation, quote_ident(found.owner)
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Install as the owner of the table, or change its owner to one that you trust.';
    END IF;
    IF found.is_table AND obj_description(found.relation, 'pg_class') IS NULL THEN
        EXECUTE format('COMMENT ON TABLE %s IS %L', qualified, p_description);
    END IF;
    RETURN found.relation;
END
$function$;

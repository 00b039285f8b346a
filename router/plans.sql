-- What plans say is written here, as tables, and reaches the shards by logical replication. What users do is
-- on the shards only.

-- The tables that are written on the router.
CREATE OR REPLACE FUNCTION feature_usage_router.is_plan(p_table text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT p_table OPERATOR(pg_catalog.=) ANY ('{plan_limits,usage_rules,usage_pools,usage_pool_members}'::text[])
$$;

DO $do$
DECLARE
    one record;
    has_all boolean;
BEGIN
    FOR one IN SELECT r.relation FROM feature_usage_internal.relations() AS r
                WHERE feature_usage_router.is_plan(r.name) AND NOT r.is_table LOOP
        RAISE EXCEPTION '% is not a table, and is not replicated to the shards', one.relation
            USING ERRCODE = 'wrong_object_type', HINT = 'On a router it must be a table, which your app writes.';
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'feature_usage_plans') THEN
        EXECUTE (SELECT 'CREATE PUBLICATION feature_usage_plans FOR TABLE ' || string_agg(r.relation::text, ', ' ORDER BY r.lock_order)
                   FROM feature_usage_internal.relations() AS r WHERE feature_usage_router.is_plan(r.name));
    END IF;
END
$do$;

CREATE OR REPLACE FUNCTION feature_usage_router.refuse_rows() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    RAISE EXCEPTION '% of a router has no rows', TG_TABLE_NAME
        USING ERRCODE = 'feature_not_supported',
              HINT = CASE TG_TABLE_NAME WHEN 'user_plans' THEN 'Call set_user_plan(). ' ELSE '' END
                     || 'The rows are on the shards; SELECT * FROM feature_usage_router.shards() says where.';
END
$function$;
COMMENT ON FUNCTION feature_usage_router.refuse_rows() IS
'Trigger function of the tables of users'' data: a row that is written on the router would be read by nobody.';

CREATE OR REPLACE FUNCTION feature_usage_router.refuse_data() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT r.relation, r.name FROM feature_usage_internal.relations() AS r
                WHERE r.is_table AND NOT feature_usage_router.is_plan(r.name) AND r.name <> 'usage_features' LOOP
        -- Nor may anybody read nothing here and take it for no usage.
        EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, anon, authenticated, service_role', one.relation);
        EXECUTE format('REVOKE ALL (%s) ON %s FROM anon, authenticated, service_role',
                       (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute AS a
                         WHERE a.attrelid = one.relation AND a.attnum > 0 AND NOT a.attisdropped), one.relation);
        EXECUTE format('DROP TRIGGER IF EXISTS feature_usage_router_has_no_rows ON %s', one.relation);
        EXECUTE format('CREATE TRIGGER feature_usage_router_has_no_rows BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION feature_usage_router.refuse_rows()', one.relation);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_router.refuse_data() IS
'Closes the tables of users'' data on the router.';
REVOKE ALL ON FUNCTION feature_usage_router.refuse_data(), feature_usage_router.refuse_rows(), feature_usage_router.is_plan(text) FROM PUBLIC;

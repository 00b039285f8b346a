-- What the setup wants, and what is there: the data of the private schema joined to the catalogs.

CREATE FUNCTION feature_usage_internal.features(p_builtin_only boolean)
RETURNS TABLE (feature_type text, usage_column text, limit_column text, period text, is_builtin boolean)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    registry constant oid := to_regclass('@extschema@.usage_features');
BEGIN
    -- A registry that has not been set up yet has no rows to read. One that another role has made
    -- may run that role's code: whoever is not to run it asks for the built-in features only.
    IF NOT p_builtin_only AND NOT EXISTS (
           SELECT FROM feature_usage_internal.columns AS c
            WHERE c.table_name = 'usage_features' AND c.name IN ('feature_type', 'usage_column', 'limit_column', 'period', 'is_builtin')
              AND NOT EXISTS (SELECT FROM pg_attribute AS a
                               WHERE a.attrelid = registry AND a.attname = c.name AND NOT a.attisdropped)) THEN
        RETURN QUERY SELECT f.feature_type, f.usage_column, f.limit_column, f.period, f.is_builtin
                       FROM @extschema@.usage_features AS f;
        RETURN QUERY SELECT b.* FROM feature_usage_internal.features(true) AS b
                      WHERE NOT EXISTS (SELECT FROM @extschema@.usage_features AS f
                                         WHERE f.feature_type = b.feature_type OR f.usage_column = b.usage_column
                                            OR f.limit_column = b.limit_column);
    ELSE
        RETURN QUERY SELECT r.content ->> 'feature_type', r.content ->> 'usage_column',
                            r.content ->> 'limit_column', r.content ->> 'period', true
                       FROM feature_usage_internal.rows AS r WHERE r.table_name = 'usage_features';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.features(boolean) IS
'Returns the registered features, and the built-in ones even if they are not registered yet.';

CREATE FUNCTION feature_usage_internal.wanted_columns(p_builtin_only boolean)
RETURNS TABLE (table_name text, number bigint, name text, definition text, types text[], is_to_be_filled boolean,
               default_value text, views_may_lack boolean, is_counter boolean, check_name text, description text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT table_name, row_number() OVER (ORDER BY table_name, position, is_custom, feature_type COLLATE "C"),
           name, definition, types, is_to_be_filled, default_value, views_may_lack, is_counter, check_name, description
      FROM (SELECT c.table_name, c.position, false AS is_custom, '' AS feature_type, c.name, c.definition, c.types,
                   c.is_to_be_filled, c.default_value, c.views_may_lack, false AS is_counter, NULL AS check_name, c.description
              FROM feature_usage_internal.columns AS c
             UNION ALL
            SELECT c.table_name, c.position, NOT f.is_builtin, f.feature_type,
                   CASE c.registry_column WHEN 'usage_column' THEN f.usage_column ELSE f.limit_column END,
                   CASE WHEN f.is_builtin THEN c.builtin_definition ELSE c.custom_definition END,
                   c.types, false, NULL, false, c.registry_column = 'usage_column', c.check_name,
                   format(c.description, f.feature_type, f.period)
              FROM feature_usage_internal.feature_columns AS c
             CROSS JOIN feature_usage_internal.features(p_builtin_only) AS f) AS wanted
$function$;
COMMENT ON FUNCTION feature_usage_internal.wanted_columns(boolean) IS
'Returns the columns that the tables should have, numbered in the order of a new table.';

CREATE FUNCTION feature_usage_internal.relations()
RETURNS TABLE (relation regclass, is_table boolean, name text, lock_order smallint, key text[],
               may_be_view boolean, references_users boolean, fill_factor smallint, description text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT c.oid::regclass, c.relkind IN ('r', 'p'), t.name, t.lock_order, t.key,
           t.may_be_view, t.references_users, t.fill_factor, t.description
      FROM feature_usage_internal.tables AS t
      JOIN pg_class AS c ON c.relnamespace = '@extschema@'::regnamespace AND c.relname = t.name
$function$;
COMMENT ON FUNCTION feature_usage_internal.relations() IS
'Returns the tables of feature_usage that exist, or the views in their place.';

CREATE FUNCTION feature_usage_internal.is_trusted(p_owner oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT coalesce(bool_or(r.rolsuper
               OR r.rolname = 'supabase_auth_admin'
               OR r.oid = (SELECT datdba FROM pg_database WHERE datname = current_database())
               OR r.oid = (SELECT nspowner FROM pg_namespace WHERE oid = '@extschema@'::regnamespace)
               OR r.oid = (SELECT extowner FROM pg_extension WHERE extname = 'feature_usage')
               OR NOT me.rolsuper AND pg_has_role(me.oid, r.oid, 'USAGE')), false)
      FROM pg_roles AS r, pg_roles AS me
     WHERE r.oid = p_owner AND me.rolname = current_user
$function$;
COMMENT ON FUNCTION feature_usage_internal.is_trusted(oid) IS
'Returns whether the setup may touch what this role owns. A superuser may touch anything, but an index or a trigger of an untrusted table would run its owner''s code with a superuser''s rights.';

-- What all shards and the router must have in common.

CREATE OR REPLACE FUNCTION feature_usage_shard.state() RETURNS TABLE (what text, value text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    home constant text := (SELECT quote_ident(s.nspname) FROM pg_extension AS e JOIN pg_namespace AS s ON s.oid = e.extnamespace
                            WHERE e.extname = 'feature_usage');
BEGIN
    RETURN QUERY SELECT 'extension', e.extversion FROM pg_extension AS e WHERE e.extname = 'feature_usage';
    RETURN QUERY EXECUTE format($$SELECT 'feature ' || f.feature_type, concat_ws(' ', f.usage_column, f.limit_column, f.period)
                                   FROM %s.usage_features AS f$$, home);
    RETURN QUERY SELECT format('column %s.%s', r.name, a.attname), format_type(a.atttypid, a.atttypmod)
                   FROM feature_usage_internal.relations() AS r
                   JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped;
END
$function$;
REVOKE ALL ON FUNCTION feature_usage_shard.state() FROM PUBLIC;
COMMENT ON FUNCTION feature_usage_shard.state() IS
'Returns the version, the features and the tables of this database, for comparing them with others.';

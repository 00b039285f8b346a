-- Custom features that the tables still know, though the registry does not.
--
-- DROP EXTENSION drops the registry and keeps the tables. add_feature() therefore writes each
-- definition into the comment of its counter column; here it is read back.

CREATE FUNCTION @extschema@.feature_usage_setup_features() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    INSERT INTO @extschema@.usage_features (feature_type, usage_column, limit_column, period)
    SELECT noted.definition ->> 'feature_type', a.attname,
           noted.definition ->> 'limit_column', noted.definition ->> 'period'
      FROM pg_class AS c
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     CROSS JOIN LATERAL (
           SELECT substring(col_description(c.oid, a.attnum) FROM 'add_feature: (\{.*\})$')::jsonb
           ) AS noted (definition)
     WHERE c.oid = to_regclass('@extschema@.feature_usage')
       AND noted.definition IS NOT NULL
        ON CONFLICT DO NOTHING;
END
$function$;

-- Custom features that the tables still know, though the registry does not.
--
-- DROP EXTENSION drops the registry and keeps the tables. add_feature() therefore writes each
-- definition into the comment of its counter column; here it is read back.
--
-- A note at the end of a comment: ... add_feature: {"feature_type": ..., "period": ..., "limit_column": ...}

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

CREATE FUNCTION @extschema@.feature_usage_setup_notes() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    counters constant regclass := '@extschema@.feature_usage';
    noted record;
BEGIN
    FOR noted IN
        SELECT a.attname, regexp_replace(description, ' add_feature: \{.*\}$', '') || ' add_feature: '
               || jsonb_build_object('feature_type', f.feature_type, 'period', f.period,
                                     'limit_column', f.limit_column) AS wanted, description
          FROM @extschema@.usage_features AS f
          JOIN pg_attribute AS a ON a.attrelid = counters AND a.attname = f.usage_column AND NOT a.attisdropped
         CROSS JOIN LATERAL coalesce(col_description(counters, a.attnum), '') AS description
         WHERE NOT f.is_builtin
    LOOP
        IF noted.description <> noted.wanted THEN
            EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', counters, noted.attname, noted.wanted);
        END IF;
    END LOOP;
END
$function$;

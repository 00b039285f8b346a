-- Keys: an upsert, and a join that must find one row, need them to be unique and not NULL.

CREATE FUNCTION feature_usage_internal.missing_keys()
RETURNS TABLE (relation regclass, lock_order smallint, columns text, nullable text[], is_unique boolean, is_immediate boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT * FROM (
        SELECT r.relation, r.lock_order,
               (SELECT string_agg(quote_ident(k.name), ', ' ORDER BY k.number) FROM unnest(r.key) WITH ORDINALITY AS k (name, number)),
               ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                      WHERE a.attrelid = r.relation AND a.attname = ANY (r.key) AND NOT a.attisdropped
                        AND NOT feature_usage_internal.is_not_null(a.attrelid, a.attnum)),
               existing.is_unique, existing.is_immediate
          FROM feature_usage_internal.relations() AS r
         CROSS JOIN LATERAL (
               -- An existing table keeps its own key, as long as it has one on exactly these columns.
               SELECT count(*) > 0 AS is_unique, coalesce(bool_and(i.indimmediate), true) AS is_immediate
                 FROM pg_index AS i
                WHERE i.indrelid = r.relation AND i.indisunique AND i.indisvalid
                  AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = cardinality(r.key)
                  AND r.key <@ ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                                      WHERE a.attrelid = r.relation AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]))
               ) AS existing
         WHERE r.is_table) AS keys (relation, lock_order, columns, nullable, is_unique, is_immediate)
     WHERE nullable <> '{}' OR NOT is_unique OR NOT is_immediate
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_keys() IS
'Returns the tables whose key is missing, deferrable or may be NULL.';

CREATE FUNCTION feature_usage_internal.ensure_keys() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
    offending text;
BEGIN
    FOR missing IN SELECT * FROM feature_usage_internal.missing_keys() ORDER BY lock_order LOOP
        IF missing.nullable <> '{}' THEN
            BEGIN
                EXECUTE format('ALTER TABLE %s %s', missing.relation,
                    (SELECT string_agg(format('ALTER COLUMN %I SET NOT NULL', name), ', ') FROM unnest(missing.nullable) AS name));
            EXCEPTION WHEN not_null_violation THEN
                EXECUTE format('SELECT count(*) FROM %s WHERE num_nulls(%s) > 0', missing.relation, missing.columns) INTO offending;
                RAISE EXCEPTION '% has % rows without (%)', missing.relation, offending, missing.columns
                    USING ERRCODE = 'not_null_violation',
                          HINT = 'Complete or delete the rows that have a NULL there, then retry.';
            END;
        END IF;

        IF NOT missing.is_immediate THEN
            RAISE EXCEPTION 'the unique key (%) of % is deferrable', missing.columns, missing.relation
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'INSERT ... ON CONFLICT does not work with a deferrable key. Drop it and add it again as NOT DEFERRABLE, then retry.';
        ELSIF NOT missing.is_unique THEN
            BEGIN
                EXECUTE format('ALTER TABLE %s ADD %s (%s)', missing.relation,
                    CASE WHEN EXISTS (SELECT FROM pg_index WHERE indrelid = missing.relation AND indisprimary)
                         THEN 'UNIQUE' ELSE 'PRIMARY KEY' END,
                    missing.columns);
            EXCEPTION WHEN unique_violation THEN
                EXECUTE format(
                    $$SELECT string_agg(format('(%%s): %%s rows', concat_ws(', ', %2$s), rows), E'\n' ORDER BY %2$s)
                        FROM (SELECT %2$s, count(*) AS rows FROM %1$s GROUP BY %2$s HAVING count(*) > 1
                               ORDER BY %2$s LIMIT 10) AS duplicates$$,
                    missing.relation, missing.columns) INTO offending;
                RAISE EXCEPTION '% has more than one row for the same (%)', missing.relation, missing.columns
                    USING ERRCODE = 'unique_violation', DETAIL = offending,
                          HINT = 'Merge the duplicate rows into one each, unless each row counts another feature: then see docs/takeover.md. At most 10 are listed.';
            END;
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_keys() IS
'Makes the keys of the tables unique and not NULL; duplicates are an error that lists them.';

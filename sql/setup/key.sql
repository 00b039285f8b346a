-- One key: an upsert, and a join that must give one row, need it to be unique and not null.

CREATE FUNCTION @extschema@.feature_usage_setup_key(p_table regclass, p_columns text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    column_list constant text := (SELECT string_agg(quote_ident(name), ', ' ORDER BY position)
                                    FROM unnest(p_columns) WITH ORDINALITY AS key (name, position));
    existing record;
    offending text;
BEGIN
    EXECUTE format('SELECT nullif(count(*), 0) FROM %s WHERE num_nulls(%s) > 0', p_table, column_list)
       INTO offending;
    IF offending IS NOT NULL THEN
        RAISE EXCEPTION '% has % rows without (%)', p_table, offending, column_list
            USING ERRCODE = 'not_null_violation',
                  HINT = 'Complete or delete the rows that have a NULL there, then try again.';
    END IF;
    FOR existing IN
        SELECT attname FROM pg_attribute WHERE attrelid = p_table AND attname = ANY (p_columns) AND NOT attnotnull
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', p_table, existing.attname);
    END LOOP;

    -- An existing table keeps its own key, as long as it has one on exactly these columns.
    SELECT bool_and(i.indimmediate) AS is_immediate, count(*) > 0 AS is_there INTO existing
      FROM pg_index AS i
     WHERE i.indrelid = p_table AND i.indisunique AND i.indisvalid
       AND i.indpred IS NULL AND i.indexprs IS NULL
       AND i.indnkeyatts = cardinality(p_columns)
       AND p_columns <@ ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                               WHERE a.attrelid = p_table AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]));
    IF NOT existing.is_immediate THEN
        RAISE EXCEPTION 'the key (%) of % is deferrable', column_list, p_table
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Beside a deferrable key no upsert is possible: make it NOT DEFERRABLE, then try again.';
    ELSIF existing.is_there THEN
        RETURN;
    END IF;

    EXECUTE format(
        $$SELECT string_agg(format('(%%s): %%s rows', concat_ws(', ', %2$s), rows), E'\n')
            FROM (SELECT %2$s, count(*) AS rows FROM %1$s GROUP BY %2$s HAVING count(*) > 1
                   ORDER BY %2$s LIMIT 10) AS duplicates$$,
        p_table, column_list) INTO offending;
    IF offending IS NOT NULL THEN
        RAISE EXCEPTION '% has more than one row for the same (%)', p_table, column_list
            USING ERRCODE = 'unique_violation', DETAIL = offending,
                  HINT = 'Merge the duplicate rows into one each, then try again. At most 10 are listed.';
    END IF;

    EXECUTE format(
        'ALTER TABLE %s ADD %s (%s)', p_table,
        CASE WHEN EXISTS (SELECT FROM pg_index WHERE indrelid = p_table AND indisprimary)
             THEN 'UNIQUE' ELSE 'PRIMARY KEY' END,
        column_list);
END
$function$;

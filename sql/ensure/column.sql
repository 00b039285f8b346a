-- Columns, except the counters: added if they are missing, checked and otherwise left alone if not.

CREATE FUNCTION feature_usage_internal.missing_columns()
RETURNS TABLE (relation regclass, is_table boolean, lock_order smallint, number bigint, name text, definition text,
               types text[], is_to_be_filled boolean, description text, current_type text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.is_table, r.lock_order, w.number, w.name, w.definition,
           w.types, w.is_to_be_filled, w.description, format_type(a.atttypid, NULL)
      FROM feature_usage_internal.wanted_columns(false) AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name
      LEFT JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE NOT w.is_counter
       AND (a.attnum IS NULL OR format_type(a.atttypid, NULL) <> ALL (w.types)
            OR r.is_table AND col_description(r.relation, a.attnum) IS NULL)
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_columns() IS
'Returns the columns, except counters, that are missing, of another type or without a comment.';

CREATE FUNCTION feature_usage_internal.ensure_columns(p_tables text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
    is_in_use boolean;
BEGIN
    FOR missing IN
        SELECT m.relation, string_agg(m.name, ', ' ORDER BY m.number) AS columns
          FROM feature_usage_internal.missing_columns() AS m
         WHERE m.is_table AND m.is_to_be_filled AND m.current_type IS NULL
           AND m.relation IN (SELECT r.relation FROM feature_usage_internal.relations() AS r WHERE r.name = ANY (p_tables))
         GROUP BY m.relation
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', missing.relation) INTO is_in_use;
        IF is_in_use THEN
            RAISE WARNING '% had no column %: its rows are NULL there', missing.relation, missing.columns
                USING HINT = 'NULL is the plan free, and not active. Fill the new columns, or replace the table by a view over your own table.';
        END IF;
    END LOOP;
    FOR missing IN
        SELECT m.relation, string_agg(m.name, ', ' ORDER BY m.number) AS columns,
               string_agg(m.default_value, ', ' ORDER BY m.number) AS defaults
          FROM feature_usage_internal.missing_defaults() AS m
         WHERE m.table_name = ANY (p_tables)
         GROUP BY m.relation
    LOOP
        RAISE WARNING '% had no default for %: new rows that leave them out get %', missing.relation, missing.columns, missing.defaults
            USING HINT = 'If such a user is to be denied, set a default of your own, such as false for is_active; it is kept.';
    END LOOP;

    FOR missing IN
        SELECT m.* FROM feature_usage_internal.missing_columns() AS m
         WHERE m.relation IN (SELECT r.relation FROM feature_usage_internal.relations() AS r WHERE r.name = ANY (p_tables))
         ORDER BY m.lock_order, m.number
    LOOP
        PERFORM feature_usage_internal.ensure_column(
            missing.relation, missing.name, missing.definition, missing.types, missing.description);
    END LOOP;
    -- After the columns, so that rows from before a column stay NULL there.
    FOR missing IN SELECT m.* FROM feature_usage_internal.missing_defaults() AS m WHERE m.table_name = ANY (p_tables) LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %L', missing.relation, missing.name, missing.default_value);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_columns(text[]) IS
'Adds the missing columns and defaults of these tables, except counters; describes those without a comment.';

CREATE FUNCTION feature_usage_internal.missing_defaults()
RETURNS TABLE (relation regclass, lock_order smallint, table_name text, number bigint, name text, default_value text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    -- A default of the app's own is kept. So is a NOT NULL without a default, which demands a value;
    -- and a column of another type may not have the value.
    SELECT r.relation, r.lock_order, r.name, w.number, w.name, w.default_value
      FROM feature_usage_internal.wanted_columns(false) AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name AND r.is_table
      JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE w.default_value IS NOT NULL AND NOT a.atthasdef AND NOT a.attnotnull
       AND (a.atttypid = 'boolean'::regtype AND w.default_value IN ('true', 'false')
            OR a.atttypid = 'text'::regtype
            OR a.atttypid = 'varchar'::regtype AND (a.atttypmod < 0 OR a.atttypmod - 4 >= length(w.default_value))
            OR EXISTS (SELECT FROM pg_enum AS e WHERE e.enumtypid = a.atttypid AND e.enumlabel = w.default_value))
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_defaults() IS
'Returns the columns that should have a default and have none.';

CREATE FUNCTION feature_usage_internal.type_hint(p_relation regclass, p_column text, p_types text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT format(CASE WHEN c.relkind IN ('r', 'p')
                       THEN 'Run ALTER TABLE %1$s ALTER COLUMN %2$I TYPE %3$s USING %2$I::%3$s; or rename the column. Then retry.'
                       ELSE 'Cast the column to %3$s in the view, then retry.' END,
                  p_relation, p_column, CASE WHEN 'bigint' = ANY (p_types) THEN 'bigint' ELSE p_types[1] END)
      FROM pg_class AS c WHERE c.oid = p_relation
$function$;
COMMENT ON FUNCTION feature_usage_internal.type_hint(regclass, text, text[]) IS
'Returns the hint for a column of another type: the statement that changes it.';

CREATE FUNCTION feature_usage_internal.ensure_column(
    p_table regclass, p_column text, p_definition text, p_types text[], p_description text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    is_table constant boolean := (SELECT relkind IN ('r', 'p') FROM pg_class WHERE oid = p_table);
    existing record;
BEGIN
    SELECT a.attnum, format_type(a.atttypid, NULL) AS type INTO existing
      FROM pg_attribute AS a
     WHERE a.attrelid = p_table AND a.attname = p_column AND a.attnum > 0 AND NOT a.attisdropped;

    IF NOT FOUND AND NOT is_table THEN
        RAISE EXCEPTION 'view % has no column %', p_table, quote_ident(p_column)
            USING ERRCODE = 'undefined_column',
                  HINT = format('Add the column to the view%s; it may be NULL.', ', as ' || array_to_string(p_types, ' or '));
    ELSIF NOT FOUND THEN
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', p_table, p_column, p_definition);
    ELSIF existing.type <> ALL (p_types) THEN
        RAISE EXCEPTION 'column % of % is of type %, not %',
                quote_ident(p_column), p_table, existing.type, array_to_string(p_types, ' or ')
            USING ERRCODE = 'datatype_mismatch', HINT = feature_usage_internal.type_hint(p_table, p_column, p_types);
    END IF;

    IF is_table AND (existing.attnum IS NULL OR col_description(p_table, existing.attnum) IS NULL) THEN
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', p_table, p_column, p_description);
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_column(regclass, text, text, text[], text) IS
'Adds a column if it is missing, checks its type if not, and describes it if it has no comment.';

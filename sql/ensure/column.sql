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
       AND NOT (a.attnum IS NULL AND NOT r.is_table AND w.views_may_lack)
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
    -- A table of this name without the key is another table, and its rows have no value for it.
    FOR missing IN
        SELECT r.relation, k.name FROM feature_usage_internal.relations() AS r, unnest(r.key) AS k (name)
         WHERE r.is_table AND r.name = ANY (p_tables)
           AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = r.relation AND a.attname = k.name AND NOT a.attisdropped)
         ORDER BY r.lock_order
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', missing.relation) INTO is_in_use;
        IF is_in_use THEN
            RAISE EXCEPTION '% has rows, but no column %', missing.relation, quote_ident(missing.name)
                USING ERRCODE = 'undefined_column',
                      HINT = 'Add the column and fill it, or rename the column that has its values. If it is another table, rename the table. Then retry.';
        END IF;
    END LOOP;

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
        SELECT m.* FROM feature_usage_internal.missing_columns() AS m
         WHERE m.relation IN (SELECT r.relation FROM feature_usage_internal.relations() AS r WHERE r.name = ANY (p_tables))
         ORDER BY m.lock_order, m.number
    LOOP
        PERFORM feature_usage_internal.ensure_column(
            missing.relation, missing.name, missing.definition, missing.types, missing.description);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_columns(text[]) IS
'Adds the missing columns of these tables, except counters, and describes those without a comment.';

CREATE FUNCTION feature_usage_internal.is_not_null(p_table oid, p_column smallint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    -- Since PostgreSQL 18, a NOT NULL constraint may be NOT VALID: then rows from before it may be NULL.
    SELECT a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint AS c
                                         WHERE c.conrelid = p_table AND c.contype = 'n'
                                           AND c.conkey = ARRAY[p_column] AND NOT c.convalidated)
      FROM pg_attribute AS a WHERE a.attrelid = p_table AND a.attnum = p_column
$function$;
COMMENT ON FUNCTION feature_usage_internal.is_not_null(oid, smallint) IS
'Returns whether no row is NULL in a column, as far as its constraints say.';

CREATE FUNCTION feature_usage_internal.type_hint(p_relation regclass, p_column text, p_types text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT format(CASE WHEN c.relkind NOT IN ('r', 'p')
                       THEN 'Cast %2$I to %3$s in the view, then retry.'
                       -- As text, a date is the period of a day only.
                       WHEN p_column = 'period' AND a.atttypid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
                       THEN 'Run ALTER TABLE %1$s ALTER COLUMN %2$I TYPE %3$s USING to_char(%2$I%5$s, ''YYYY-MM-DD''); and add counts per month to rows such as 2025-02. Then retry.'
                       ELSE 'Run ALTER TABLE %1$s %4$sALTER COLUMN %2$I TYPE %3$s USING %2$I::%3$s; or rename the column. Then retry.' END,
                  p_relation, p_column, CASE WHEN 'bigint' = ANY (p_types) THEN 'bigint' ELSE p_types[1] END,
                  CASE WHEN a.atthasdef THEN format('ALTER COLUMN %I DROP DEFAULT, ', p_column) ELSE '' END,
                  CASE WHEN a.atttypid = 'timestamptz'::regtype THEN ' AT TIME ZONE ''UTC''' ELSE '' END)
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = p_column
     WHERE c.oid = p_relation
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

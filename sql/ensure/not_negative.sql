-- The CHECK constraints of what is never negative: counters and limits.
--
-- One constraint covers all columns of a table, because the executor prepares every CHECK constraint
-- of a table anew in every statement. LEAST() ignores NULL, which is an unlimited limit.

CREATE FUNCTION feature_usage_internal.not_negative_checks()
RETURNS TABLE (relation regclass, lock_order smallint, table_name text, name text, columns text[],
               is_there boolean, is_valid boolean, is_complete boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    -- is_there: a constraint of this form covers every column that exists. is_complete: every column
    -- exists as well. The arguments of LEAST are plain columns, perhaps cast.
    SELECT w.relation, w.lock_order, w.table_name, w.check_name, w.columns,
           c.oid IS NOT NULL, coalesce(c.convalidated, false), c.oid IS NOT NULL AND w.is_complete
      FROM (SELECT r.relation, r.lock_order, c.table_name, c.check_name, array_agg(c.name ORDER BY c.number) AS columns,
                   coalesce(array_agg(a.attnum) FILTER (WHERE a.attnum IS NOT NULL), '{}') AS numbers,
                   bool_and(a.attnum IS NOT NULL) AS is_complete
              FROM feature_usage_internal.wanted_columns(false) AS c
              JOIN feature_usage_internal.relations() AS r ON r.name = c.table_name AND r.is_table
              LEFT JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.check_name IS NOT NULL
             GROUP BY r.relation, r.lock_order, c.table_name, c.check_name) AS w
      LEFT JOIN pg_constraint AS c ON c.conrelid = w.relation AND c.contype = 'c' AND c.conname = w.check_name
       AND regexp_replace(pg_get_constraintdef(c.oid), '\(([^()]+)\)::(bigint|integer)', '\1', 'g') ~ '^CHECK \(\(LEAST\([^()]*\) >= 0\)\)( NOT VALID)?$'
       AND c.conkey @> w.numbers
$function$;
COMMENT ON FUNCTION feature_usage_internal.not_negative_checks() IS
'Returns the CHECK constraints of counters and limits: are they there, validated, and do they cover all?';

CREATE FUNCTION feature_usage_internal.not_negative_changes(p_table text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    -- If the constraint held for the columns that were there, it holds for the new ones, which are 0:
    -- nothing has to be read.
    SELECT CASE WHEN EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = n.relation AND c.conname = n.name)
                THEN ARRAY[format('DROP CONSTRAINT %I', n.name)] ELSE '{}' END
           || format('ADD CONSTRAINT %I CHECK (LEAST(%s) >= 0)%s', n.name,
                     (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.number) FROM unnest(n.columns) WITH ORDINALITY AS c (name, number)),
                     CASE WHEN n.is_there THEN ' NOT VALID' ELSE '' END)
      FROM feature_usage_internal.not_negative_checks() AS n
     WHERE n.table_name = p_table AND NOT n.is_complete
$function$;
COMMENT ON FUNCTION feature_usage_internal.not_negative_changes(text) IS
'Returns the actions of an ALTER TABLE that complete the CHECK constraint of a table, or NULL.';

CREATE FUNCTION feature_usage_internal.ensure_limits_not_negative() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    changes constant text[] := feature_usage_internal.not_negative_changes('plan_limits');
BEGIN
    IF changes IS NOT NULL THEN
        PERFORM feature_usage_internal.alter_or_refuse_negative('plan_limits', array_to_string(changes, ', '));
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_limits_not_negative() IS
'Adds the CHECK constraint of the limits, or completes it after a new limit.';

CREATE FUNCTION feature_usage_internal.validate_not_negative() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    checked record;
BEGIN
    FOR checked IN
        SELECT n.table_name, n.name FROM feature_usage_internal.not_negative_checks() AS n
         WHERE n.is_there AND NOT n.is_valid ORDER BY n.lock_order
    LOOP
        PERFORM feature_usage_internal.alter_or_refuse_negative(checked.table_name, format('VALIDATE CONSTRAINT %I', checked.name));
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.validate_not_negative() IS
'Validates the CHECK constraints that add_feature() has left unvalidated; readers and writers go on.';

CREATE FUNCTION feature_usage_internal.alter_or_refuse_negative(p_table text, p_changes text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    EXECUTE 'ALTER TABLE @extschema@.' || quote_ident(p_table) || ' ' || p_changes;
EXCEPTION WHEN check_violation THEN
    PERFORM feature_usage_internal.refuse_negative(p_table);
    RAISE;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.alter_or_refuse_negative(text, text) IS
'Alters a table; if negative counts or limits prevent it, the error lists their rows.';

CREATE FUNCTION feature_usage_internal.refuse_negative(p_table text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    relation constant regclass := to_regclass('@extschema@.' || quote_ident(p_table));
    present constant text[] := ARRAY(SELECT c.name FROM feature_usage_internal.wanted_columns(false) AS c
                                       JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped
                                      WHERE c.table_name = p_table AND c.check_name IS NOT NULL ORDER BY c.number);
    key constant text[] := (SELECT t.key FROM feature_usage_internal.tables AS t WHERE t.name = p_table);
    listed text;
    corrections text;
BEGIN
    EXECUTE format(
        $$SELECT string_agg(concat_ws(', ', %3$s) || ': '
                            || (SELECT string_agg(c.name || '=' || c.value, ', ' ORDER BY c.number)
                                  FROM unnest($1, ARRAY[%2$s]::bigint[]) WITH ORDINALITY AS c (name, value, number)
                                 WHERE c.value < 0), E'\n' ORDER BY %4$s)
            FROM (SELECT * FROM %1$s WHERE LEAST(%2$s) < 0 ORDER BY %4$s LIMIT 10) AS negative$$, relation,
        (SELECT string_agg(quote_ident(name), ', ') FROM unnest(present) AS name),
        (SELECT string_agg(format('%L || %I', name || '=', name), ', ') FROM unnest(key) AS name),
        (SELECT string_agg(quote_ident(name), ', ') FROM unnest(key) AS name))
       INTO listed USING present;
    IF listed IS NULL THEN
        RETURN;
    ELSIF p_table = 'plan_limits' THEN
        EXECUTE format(
            $$SELECT string_agg(CASE WHEN a.attnotnull THEN format('ALTER TABLE %%s ALTER COLUMN %%I DROP NOT NULL; ', %1$L, c.name) ELSE '' END
                                || CASE WHEN pg_get_expr(d.adbin, d.adrelid) ~ '^[('']*-' THEN format('ALTER TABLE %%s ALTER COLUMN %%I SET DEFAULT 0; ', %1$L, c.name) ELSE '' END
                                || format('UPDATE %%s SET %%2$I = NULL WHERE %%2$I < 0;', %1$L, c.name), ' ' ORDER BY c.number)
                FROM (SELECT ARRAY[%2$s] AS negative FROM %1$s) AS t,
                     unnest($1, t.negative) WITH ORDINALITY AS c (name, is_negative, number)
                JOIN pg_attribute AS a ON a.attrelid = %1$L::regclass AND a.attname = c.name
                LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
               WHERE c.is_negative$$, relation,
            (SELECT string_agg(format('bool_or(%I < 0)', name), ', ') FROM unnest(present) AS name))
           INTO corrections USING present;
        RAISE EXCEPTION 'plan_limits has negative limits'
            USING ERRCODE = 'check_violation', DETAIL = listed,
                  HINT = format('NULL is unlimited, 0 blocks. If a negative limit meant unlimited, run %s then retry. At most 10 plans are listed.', corrections);
    ELSE
        RAISE EXCEPTION '% has negative counts', p_table
            USING ERRCODE = 'check_violation', DETAIL = listed,
                  HINT = 'A negative count allows more than the limit. Correct these rows, then retry. At most 10 are listed.';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.refuse_negative(text) IS
'Raises an error that lists rows with negative counts or limits, if there are any.';

-- One column: added where it is missing, checked and otherwise left alone where it is not.

CREATE FUNCTION @extschema@.feature_usage_setup_column(
    p_table regclass, p_column text, p_definition text, p_types text, p_description text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    is_table boolean := (SELECT relkind IN ('r', 'p') FROM pg_class WHERE oid = p_table);
    current_type text;
    current_number smallint;
BEGIN
    SELECT format_type(atttypid, NULL), attnum INTO current_type, current_number
      FROM pg_attribute
     WHERE attrelid = p_table AND attname = p_column AND attnum > 0 AND NOT attisdropped;

    IF current_type IS NULL AND NOT is_table THEN
        RAISE EXCEPTION 'view % has no column %', p_table, quote_ident(p_column)
            USING ERRCODE = 'undefined_column',
                  HINT = format('Add the column to the view, as %s; it may be NULL.', p_types);
    ELSIF current_type IS NULL THEN
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', p_table, p_column, p_definition);
    ELSIF p_types <> 'any' AND NOT current_type = ANY (string_to_array(p_types, ' or ')) THEN
        RAISE EXCEPTION 'column % of % is of type %, not %',
                quote_ident(p_column), p_table, current_type, p_types
            USING ERRCODE = 'datatype_mismatch',
                  HINT = 'Change the type of the column, or rename the column, then try again.';
    END IF;

    IF is_table AND col_description(p_table, current_number) IS NULL THEN
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', p_table, p_column, p_description);
    END IF;
END
$function$;

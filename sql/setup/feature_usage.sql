-- The table of counts.

CREATE FUNCTION @extschema@.feature_usage_setup_feature_usage() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    counters regclass;
    feature record;
BEGIN
    counters := @extschema@.feature_usage_setup_table('feature_usage',
        'How much of each feature a user has used: one row a user and period.');
    IF (SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = counters) THEN
        RAISE EXCEPTION '% is not a table', counters
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'Counts need a table of their own: rename what has this name, then try again.';
    END IF;

    PERFORM @extschema@.feature_usage_setup_column(counters, name, definition, types, description)
       FROM (VALUES
        ('id', 'uuid NOT NULL DEFAULT gen_random_uuid()', 'any',
         'Identifies the row for clients; nothing here depends on it.'),
        ('user_id', 'uuid NOT NULL', 'uuid',
         'Whose usage this is.'),
        ('period', 'text NOT NULL', 'text or character varying',
         'The day (YYYY-MM-DD) or month (YYYY-MM), in UTC, that the counts of this row are for.')
       ) AS wanted (name, definition, types, description);

    FOR feature IN
        SELECT * FROM @extschema@.usage_features ORDER BY is_builtin DESC, feature_type COLLATE "C"
    LOOP
        PERFORM @extschema@.feature_usage_setup_counter(feature.usage_column,
            format('How much of feature %s was used in the period.', feature.feature_type));
    END LOOP;

    PERFORM @extschema@.feature_usage_setup_column(counters, 'has_reservations', 'boolean NOT NULL DEFAULT false', 'boolean',
        'Whether anything was reserved in the period: false saves looking for reservations.');
    PERFORM @extschema@.feature_usage_setup_column(counters, name, 'timestamptz NOT NULL DEFAULT now()', 'any', description)
       FROM (VALUES
        ('created_at', 'When the first count of the period arrived.'),
        ('updated_at', 'When the last count of the period arrived.')
       ) AS wanted (name, description);

    PERFORM @extschema@.feature_usage_setup_key(counters, ARRAY['user_id', 'period']);

    -- Room on every page for the next version of a row: an update then touches no index (HOT).
    IF (SELECT relkind = 'r' AND NOT coalesce(reloptions::text LIKE '%fillfactor=%', false)
          FROM pg_class WHERE oid = counters) THEN
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 50)', counters);
    END IF;
END
$function$;

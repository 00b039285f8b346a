-- Taking over from a log with one row per image: each becomes one count in its UTC day.

CREATE FUNCTION @extschema@.migrate_image_generation_log(p_drop boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    -- An app's tables are in public, wherever the extension is.
    log constant regclass := coalesce(to_regclass('@extschema@.image_generation_log'),
                                      to_regclass('public.image_generation_log'));
    utc_day text;
    is_countable text;
    counted bigint;
    left_over bigint;
BEGIN
    IF p_drop IS NULL THEN
        RAISE EXCEPTION 'p_drop must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass true to drop the log afterwards, false to keep it.';
    ELSIF log IS NULL THEN
        RAISE NOTICE 'there is no image_generation_log: nothing to migrate';
        RETURN 0;
    ELSIF (SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = log) THEN
        RAISE EXCEPTION '% is not a table', log
            USING ERRCODE = 'wrong_object_type', HINT = 'Only a table can be marked as counted and dropped.';
    END IF;

    IF 2 > (SELECT count(*) FROM pg_attribute
             WHERE attrelid = log AND attname IN ('user_id', 'created_at') AND NOT attisdropped) THEN
        RAISE EXCEPTION '% does not have the columns user_id and created_at', log
            USING ERRCODE = 'undefined_column',
                  HINT = format('Rename the columns that say who made an image and when: ALTER TABLE %s RENAME COLUMN ... TO created_at;', log);
    END IF;

    -- A row that arrives while we count would be dropped without being counted.
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', log);
    PERFORM feature_usage_internal.ensure_column(log, name, definition, types, description)
       FROM (VALUES
        ('user_id', 'uuid', '{uuid}'::text[], 'Who made the image.'),
        ('created_at', 'timestamptz', '{timestamp with time zone,timestamp without time zone,date}', 'When the image was made.'),
        ('counted_in_feature_usage', 'boolean NOT NULL DEFAULT false', '{boolean}',
         'Whether migrate_image_generation_log() has counted the image; it counts each once.')
       ) AS wanted (name, definition, types, description);

    -- A timestamp without a zone is taken as UTC, whatever the session's zone.
    SELECT CASE WHEN atttypid = 'timestamptz'::regtype THEN '(l.created_at AT TIME ZONE ''UTC'')' ELSE 'l.created_at' END
      INTO utc_day FROM pg_attribute WHERE attrelid = log AND attname = 'created_at';
    is_countable := format('l.user_id IS NOT NULL AND %1$s >= ''0001-01-01'' AND %1$s < ''10000-01-01''', utc_day);
    -- A deleted user's usage is deleted as well.
    IF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = '@extschema@.feature_usage'::regclass
                  AND confrelid = to_regclass('auth.users')) THEN
        is_countable := is_countable || ' AND EXISTS (SELECT FROM auth.users AS u WHERE u.id = l.user_id)';
    END IF;

    EXECUTE format(
        $$WITH counted AS (
              UPDATE %1$s AS l SET counted_in_feature_usage = true
               WHERE NOT l.counted_in_feature_usage AND %2$s
           RETURNING l.user_id, to_char(%3$s, 'YYYY-MM-DD') AS period
          ), added AS (
              INSERT INTO @extschema@.feature_usage AS fu (user_id, period, images_generated)
              SELECT user_id, period, count(*)::integer FROM counted GROUP BY user_id, period
               -- Rows are locked in the order in which batches lock them.
               ORDER BY user_id, period COLLATE "C"
                  ON CONFLICT (user_id, period) DO UPDATE
                 SET images_generated = fu.images_generated + excluded.images_generated, updated_at = now()
          )
          SELECT count(*) FROM counted$$, log, is_countable, utc_day) INTO counted;

    EXECUTE format('SELECT count(*) FROM %s WHERE NOT counted_in_feature_usage', log) INTO left_over;
    IF left_over > 0 THEN
        RAISE WARNING '% rows of % could not be counted%', left_over, log, CASE WHEN p_drop THEN ', so it is not dropped' ELSE '' END
            USING HINT = 'They have no user, a user that is no longer in auth.users, or no usable created_at. Correct them, or delete them WHERE NOT counted_in_feature_usage; then call this again.';
    ELSIF p_drop THEN
        EXECUTE format('DROP TABLE %s', log);
    END IF;
    RETURN counted;
END
$function$;
COMMENT ON FUNCTION @extschema@.migrate_image_generation_log(boolean) IS
'Adds the rows of image_generation_log to images_generated of their UTC days, each row once. '
'The log must have the columns user_id and created_at, and may have others. A second call adds only what is new. p_drop says whether to drop the log afterwards, if every row is counted. Returns the number of rows counted, 0 if there is no such table. For the owner of the extension.';

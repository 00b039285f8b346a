-- The start of CREATE EXTENSION: what it refuses before it creates anything.
--
-- A superuser runs this, and the search path begins with the installer's schema: every name and
-- operator is qualified, and only catalogs are read.

DO $start$
DECLARE
    existing record;
BEGIN
    IF pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.<>) 'UTF8' THEN
        RAISE EXCEPTION 'feature_usage needs a database in the encoding UTF8'
            USING ERRCODE = 'feature_not_supported', HINT = 'Create the database with ENCODING ''UTF8''.';
    END IF;

    -- Hand-written functions that the extension replaces. Postgres' own error names one of them per
    -- attempt, and does not say what to do.
    SELECT pg_catalog.string_agg(f.signature, E'\n' ORDER BY f.signature COLLATE pg_catalog."C") AS listed,
           pg_catalog.string_agg(f.signature, ', ' ORDER BY f.signature COLLATE pg_catalog."C") AS signatures,
           pg_catalog.bool_and(f.is_function) AS are_functions
      INTO existing
      FROM (SELECT pg_catalog.format('%s.%I(%s)', '@extschema@', p.proname, pg_catalog.oidvectortypes(p.proargtypes)) AS signature,
                   p.prokind OPERATOR(pg_catalog.=) ANY (ARRAY['f', 'w']::pg_catalog."char"[]) AS is_function
              FROM pg_catalog.pg_proc AS p
              JOIN (VALUES
                    ('add_feature', 'text, text, text, text'),
                    ('check_feature_limit', 'uuid, text, integer, text'),
                    ('commit_reservation', 'uuid, integer, uuid'),
                    ('consume_feature', 'uuid, text, integer, text'),
                    ('expire_reservations', 'integer'),
                    ('feature_usage_setup', ''),
                    ('get_user_limits', 'uuid'),
                    ('increment_chat_messages', 'uuid, integer, text'),
                    ('increment_feature_usage', 'uuid, text, integer, text'),
                    ('increment_images_generated', 'uuid, integer, text'),
                    ('increment_insights_count', 'uuid, integer, text'),
                    ('increment_therai_calls', 'uuid, integer, text'),
                    ('increment_voice_seconds', 'uuid, integer, text'),
                    ('migrate_image_generation_log', 'boolean'),
                    ('prune_feature_usage', 'interval, interval'),
                    ('record_usage', 'jsonb'),
                    ('release_reservation', 'uuid, uuid'),
                    ('reserve_feature', 'uuid, text, integer, interval, text'),
                    ('set_user_plan', 'uuid, text, boolean, text, timestamp with time zone'),
                    ('usage_features_changed', '')
                   ) AS ours (name, arguments)
                ON p.proname OPERATOR(pg_catalog.=) ours.name
               AND pg_catalog.oidvectortypes(p.proargtypes) OPERATOR(pg_catalog.=) ours.arguments
             WHERE p.pronamespace OPERATOR(pg_catalog.=) '@extschema@'::pg_catalog.regnamespace::pg_catalog.oid) AS f;
    IF existing.listed IS NOT NULL THEN
        RAISE EXCEPTION 'schema % has functions that feature_usage replaces', '@extschema@'
            USING ERRCODE = 'duplicate_function', DETAIL = existing.listed,
                  HINT = pg_catalog.format('Drop them before CREATE EXTENSION, in the same transaction: DROP %s %s;',
                                           CASE WHEN existing.are_functions THEN 'FUNCTION' ELSE 'ROUTINE' END, existing.signatures);
    END IF;
END
$start$;

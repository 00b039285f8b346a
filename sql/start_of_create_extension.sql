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
                    ('carry_over_usage', 'uuid, text, text, bigint, timestamp with time zone, bigint, uuid'),
                    ('check_feature_limit', 'uuid, text, integer, text'),
                    ('commit_reservation', 'uuid, integer, uuid'),
                    ('consume_feature', 'uuid, text, integer, text, uuid, jsonb'),
                    ('correct_usage', 'uuid, text, bigint, text, text, uuid, text'),
                    ('expire_reservations', 'integer'),
                    ('feature_usage_setup', ''),
                    ('get_user_limits', 'uuid'),
                    ('grant_usage', 'uuid, text, bigint, text, timestamp with time zone, timestamp with time zone, integer, uuid, text'),
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
                    ('reserve_feature', 'uuid, text, integer, interval, text, uuid, jsonb'),
                    ('set_user_plan', 'uuid, text, boolean, text, timestamp with time zone'),
                    ('usage_features_changed', ''),
                    ('usage_period', 'uuid, text, timestamp with time zone, uuid'),
                    ('usage_report', 'timestamp with time zone, timestamp with time zone, text, text, uuid, uuid'),
                    ('usage_status', 'uuid, text, uuid'),
                    ('void_grant', 'text, text, text, uuid')
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

    -- Tables of an extension that was dropped outlive it, with every count.
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(n.nspname), ', ' ORDER BY n.nspname COLLATE pg_catalog."C") AS listed
      INTO existing
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
     WHERE c.relname OPERATOR(pg_catalog.=) 'feature_idempotency_keys'
       AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog."char"[])
       AND c.relpersistence OPERATOR(pg_catalog.<>) 't'::pg_catalog."char"
       AND pg_catalog.quote_ident(n.nspname) OPERATOR(pg_catalog.<>) '@extschema@';
    IF existing.listed IS NOT NULL THEN
        RAISE WARNING 'schema % has tables of feature_usage, whose counts the extension in schema % does not use', existing.listed, '@extschema@'
            USING HINT = 'To use them, drop the extension and create it WITH SCHEMA of that name.';
    END IF;
END
$start$;

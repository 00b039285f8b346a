-- The registry: which features there are, where each is counted and what limits it.

DO $encoding$
BEGIN
    IF pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.<>) 'UTF8' THEN
        RAISE EXCEPTION 'feature_usage needs a database in the encoding UTF8'
            USING ERRCODE = 'feature_not_supported', HINT = 'Create the database with ENCODING ''UTF8''.';
    END IF;
END
$encoding$;

CREATE TABLE @extschema@.usage_features (
    feature_type text NOT NULL PRIMARY KEY,
    usage_column text NOT NULL UNIQUE,
    limit_column text NOT NULL UNIQUE,
    period       text NOT NULL CHECK (period IN ('day', 'month')),
    is_builtin   boolean NOT NULL DEFAULT false
);

INSERT INTO @extschema@.usage_features (feature_type, usage_column, limit_column, period, is_builtin)
VALUES
    ('voice_seconds',    'voice_seconds',    'voice_seconds_limit',          'month', true),
    ('insights',         'insights_count',   'insights_limit',               'month', true),
    ('therai_calls',     'therai_calls',     'therai_calls_limit',           'day',   true),
    ('chat',             'chat_messages',    'chat_messages_daily_limit',    'day',   true),
    ('image_generation', 'images_generated', 'image_generation_daily_limit', 'day',   true);

-- A dump carries the rows that add_feature() has written; the others come with the extension.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.usage_features', 'WHERE NOT is_builtin');

CREATE TRIGGER usage_features_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.usage_features
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.usage_features_changed();

-- Rows that arrive by replication, or by a restore without triggers, change the registry as well.
ALTER TABLE @extschema@.usage_features ENABLE ALWAYS TRIGGER usage_features_changed;

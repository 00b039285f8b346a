-- The table of idempotency keys.

CREATE FUNCTION @extschema@.feature_usage_setup_feature_idempotency_keys() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    keys regclass;
BEGIN
    keys := @extschema@.feature_usage_setup_table('feature_idempotency_keys',
        'Keys of calls that have had their effect, so that a retry has none.');

    PERFORM @extschema@.feature_usage_setup_column(keys, name, definition, types, description)
       FROM (VALUES
        ('user_id', 'uuid NOT NULL', 'uuid', 'Whose call it was.'),
        ('operation', 'text NOT NULL', 'text', 'What was called: consume, reserve or record.'),
        ('key', 'text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255)', 'text', 'The key that the caller chose.'),
        ('arguments', 'jsonb NOT NULL', 'jsonb', 'What the call was about: a retry must be about the same.'),
        ('result', 'jsonb', 'jsonb', 'The answer, for retries.'),
        ('created_at', 'timestamptz NOT NULL DEFAULT now()', 'any', 'When the call was made.')
       ) AS wanted (name, definition, types, description);

    PERFORM @extschema@.feature_usage_setup_key(keys, ARRAY['user_id', 'operation', 'key']);
    PERFORM @extschema@.feature_usage_setup_index(keys, 'feature_idempotency_keys_by_age', '(created_at)');
END
$function$;

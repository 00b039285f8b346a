-- The table of reservations.

CREATE FUNCTION @extschema@.feature_usage_setup_feature_reservations() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    reservations regclass;
BEGIN
    reservations := @extschema@.feature_usage_setup_table('feature_reservations',
        'Amounts that are counted, and held until they are committed, released or expired.');

    PERFORM @extschema@.feature_usage_setup_column(reservations, name, definition, types, description)
       FROM (VALUES
        ('reservation_id', 'uuid NOT NULL DEFAULT gen_random_uuid()', 'uuid', 'Identifies the reservation.'),
        ('user_id', 'uuid NOT NULL', 'uuid', 'Whose usage it holds.'),
        ('feature_type', 'text NOT NULL', 'text', 'The feature.'),
        ('period', 'text NOT NULL', 'text', 'The day or month, in UTC, that it counts in, also when it is settled later.'),
        ('amount', 'integer NOT NULL CHECK (amount >= 0)', 'integer', 'How much was reserved.'),
        ('status', 'text NOT NULL CHECK (status = ''reserved'' OR status = ''committed'' OR status = ''released'' OR status = ''expired'')', 'text',
         'reserved until it is committed, released or, once its amount has been given back, expired.'),
        ('expires_at', 'timestamptz NOT NULL', 'timestamp with time zone', 'When its amount is given back.'),
        ('actual', 'integer', 'integer', 'What a commit has counted.'),
        ('counter_id', 'uuid', 'uuid', 'The id of the row of feature_usage in which it is counted.'),
        ('late', 'boolean', 'boolean', 'Whether it was settled after its end.'),
        ('created_at', 'timestamptz NOT NULL DEFAULT now()', 'any', 'When it was made.'),
        ('updated_at', 'timestamptz NOT NULL DEFAULT now()', 'any', 'When its status changed last.')
       ) AS wanted (name, definition, types, description);

    PERFORM @extschema@.feature_usage_setup_key(reservations, ARRAY['reservation_id', 'user_id']);
    -- Only what is open is ever searched for, and that is little. One index: of two that know what
    -- is open, the planner might choose the wrong one while the table has no statistics.
    PERFORM @extschema@.feature_usage_setup_index(reservations, 'feature_reservations_open',
        '(user_id) WHERE status = ''reserved''');
END
$function$;

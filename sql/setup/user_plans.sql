-- The table of subscriptions, or the app's own view of that name.

CREATE FUNCTION @extschema@.feature_usage_setup_user_plans() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    plans regclass;
    missing text;
    is_in_use boolean;
BEGIN
    plans := @extschema@.feature_usage_setup_table('user_plans',
        'Who has which plan. A user without a row has the plan free. May be a view over an app''s own table.');

    SELECT string_agg(name, ', ') INTO missing
      FROM unnest(ARRAY['plan_id', 'is_active', 'status']) AS name
     WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = plans AND attname = name AND NOT attisdropped);
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', plans) INTO is_in_use;
    IF missing IS NOT NULL AND is_in_use
       AND (SELECT relkind IN ('r', 'p') FROM pg_class WHERE oid = plans) THEN
        RAISE WARNING '% had no column %, so its rows say nothing of that yet', plans, missing
            USING HINT = 'Fill the new columns, or put a view over your own table in its place.';
    END IF;

    PERFORM @extschema@.feature_usage_setup_column(plans, name, definition, types, description)
       FROM (VALUES
        ('user_id', 'uuid NOT NULL', 'uuid', 'Whose plan this is.'),
        ('plan_id', 'text', 'any', 'The plan. NULL is the plan free.'),
        ('is_active', 'boolean', 'boolean', 'Whether the subscription is active. NULL is not.'),
        ('status', 'text', 'any', 'The state of the subscription: active and trialing count, anything else does not.'),
        ('trial_end_date', 'timestamptz', 'timestamp with time zone or timestamp without time zone or date',
         'When the trial of a user on the plan free ends. NULL is never.')
       ) AS wanted (name, definition, types, description);

    IF (SELECT relkind IN ('r', 'p') FROM pg_class WHERE oid = plans) THEN
        PERFORM @extschema@.feature_usage_setup_key(plans, ARRAY['user_id']);
    END IF;
END
$function$;

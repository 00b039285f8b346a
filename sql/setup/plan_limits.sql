-- The table of plans.

CREATE FUNCTION @extschema@.feature_usage_setup_plan_limits() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    plans regclass;
    is_new boolean;
BEGIN
    plans := @extschema@.feature_usage_setup_table('plan_limits',
        'The plans: how much of each feature a plan allows in a period, and what else it includes.');
    is_new := NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = plans AND attnum > 0);

    PERFORM @extschema@.feature_usage_setup_column(plans, name, definition, types, description)
       FROM (VALUES
        ('plan_id', 'text NOT NULL', 'text or character varying', 'The plan, as user_plans names it.'),
        ('plan_name', 'text', 'any', 'The plan, as people name it.')
       ) AS wanted (name, definition, types, description);

    -- A limit that nobody has set is 0 and allows nothing: unlimited has to be said, with NULL.
    PERFORM @extschema@.feature_usage_setup_column(plans, limit_column, 'integer DEFAULT 0',
                'integer or bigint or smallint',
                format('How much of feature %s the plan allows, a %s. NULL is unlimited.', feature_type, period))
       FROM (SELECT * FROM @extschema@.usage_features
              ORDER BY is_builtin DESC, feature_type COLLATE "C") AS feature;

    PERFORM @extschema@.feature_usage_setup_column(plans, name, definition, types, description)
       FROM (VALUES
        ('has_together_mode', 'boolean NOT NULL DEFAULT false', 'boolean', 'Whether the plan has together mode.'),
        ('has_voice_mode', 'boolean NOT NULL DEFAULT false', 'boolean', 'Whether the plan has voice mode.'),
        ('has_image_generation', 'boolean NOT NULL DEFAULT false', 'boolean', 'Whether the plan has image generation.'),
        ('has_priority_support', 'boolean NOT NULL DEFAULT false', 'boolean', 'Whether the plan has priority support.'),
        ('has_early_access', 'boolean NOT NULL DEFAULT false', 'boolean', 'Whether the plan has early access.'),
        ('is_active', 'boolean NOT NULL DEFAULT true', 'boolean', 'Whether the plan can be used; its users are denied otherwise.'),
        ('display_order', 'integer NOT NULL DEFAULT 0', 'any', 'Where a price list shows the plan.'),
        ('created_at', 'timestamptz NOT NULL DEFAULT now()', 'any', 'When the plan was created.'),
        ('updated_at', 'timestamptz NOT NULL DEFAULT now()', 'any', 'When the plan was last changed.')
       ) AS wanted (name, definition, types, description);

    IF (SELECT relkind IN ('r', 'p') FROM pg_class WHERE oid = plans) THEN
        PERFORM @extschema@.feature_usage_setup_key(plans, ARRAY['plan_id']);
    END IF;
    IF is_new THEN
        INSERT INTO @extschema@.plan_limits
               (plan_id, plan_name, image_generation_daily_limit, chat_messages_daily_limit,
                therai_calls_limit, voice_seconds_limit, insights_limit)
        VALUES ('free', 'Free', 3, 3, 3, 120, 0);
    END IF;
END
$function$;

-- plan_limits: the plans and their limits.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('plan_limits', 3, '{plan_id}', true, false,
        'The plans: how much of each feature a plan allows per period, and what else it includes.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('plan_limits', 1, 'plan_id', 'text NOT NULL', '{text,character varying}',
     'The plan, as user_plans names it.'),
    ('plan_limits', 2, 'plan_name', 'text', NULL,
     'The plan, as people name it.'),
    ('plan_limits', 4, 'has_together_mode', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the plan has together mode.'),
    ('plan_limits', 5, 'has_voice_mode', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the plan has voice mode.'),
    ('plan_limits', 6, 'has_image_generation', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the plan has image generation.'),
    ('plan_limits', 7, 'has_priority_support', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the plan has priority support.'),
    ('plan_limits', 8, 'has_early_access', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the plan has early access.'),
    ('plan_limits', 9, 'is_active', 'boolean NOT NULL DEFAULT true', '{boolean}',
     'Whether the plan can be used; its users are denied otherwise.'),
    ('plan_limits', 10, 'display_order', 'integer NOT NULL DEFAULT 0', NULL,
     'Where a price list shows the plan.'),
    ('plan_limits', 11, 'created_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the plan was created.'),
    ('plan_limits', 12, 'updated_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the plan was last changed.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, views_may_lack, description)
VALUES
    ('plan_limits', 13, 'period_anchor',
     'timestamptz CONSTRAINT plan_limits_period_anchor_is_of_the_years_1_to_9999 CHECK (period_anchor >= ''0001-01-02 00:00:00+00'' AND period_anchor < ''9999-12-31 00:00:00+00'')',
     '{timestamp with time zone,timestamp without time zone,date}', true,
     'When the billing periods begin of users who have no anchor of their own. NULL is 1 January 2001, a Monday.'),
    ('plan_limits', 14, 'time_zone', 'text', '{text,character varying}', true,
     'The time zone of users who have none of their own. NULL is UTC.');

INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, condition, function_name, description)
VALUES ('plan_limits', 'plan_limits_calendars', 'INSERT OR UPDATE', 'ROW', 'NEW.time_zone IS NOT NULL OR NEW.period_anchor IS NOT NULL',
        'feature_usage_internal.read_calendars',
        'Makes every call read the time zone and the anchor of its user, from the first one on.');

-- A limit you have not set is 0: the feature is blocked on that plan. Postgres' error for a negative
-- limit has no hint, so the name of the CHECK constraint says how to write unlimited.
INSERT INTO feature_usage_internal.feature_columns
       (table_name, position, registry_column, builtin_definition, custom_definition, types, check_name, description)
VALUES ('plan_limits', 3, 'limit_column', 'integer DEFAULT 0', 'bigint DEFAULT 0', '{integer,bigint,smallint}',
        'plan_limits_not_negative_null_is_unlimited',
        'How much of feature %1$s the plan allows per %2$s. NULL means unlimited, 0 blocks it.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('plan_limits', 'plan_limits_readable_rows', 'SELECT', 'public', 'is_active', false,
     'Lets everybody with SELECT on the table read these rows.'),
    ('plan_limits', 'plan_limits_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('plan_limits', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('plan_limits', 'authenticated', '{SELECT}'),
    ('plan_limits', 'anon', '{SELECT}');

INSERT INTO feature_usage_internal.rows (table_name, is_for_new_table, content)
VALUES ('plan_limits', true,
        '{"plan_id": "free", "plan_name": "Free", "image_generation_daily_limit": 3, "chat_messages_daily_limit": 3,
          "therai_calls_limit": 3, "voice_seconds_limit": 120, "insights_limit": 0}');

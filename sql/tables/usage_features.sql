-- usage_features: the registry. Which features there are, where each is counted and what limits it.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_features', 14, '{feature_type}', false, false,
        'The registry of features. add_feature() writes the rows of user-defined features.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_features', 1, 'feature_type', 'text NOT NULL', '{text}',
     'The feature type, as callers name it.'),
    ('usage_features', 2, 'usage_column', 'text NOT NULL UNIQUE', '{text}',
     'The column of feature_usage that counts the feature.'),
    ('usage_features', 3, 'limit_column', 'text NOT NULL UNIQUE', '{text}',
     'The column of plan_limits that limits the feature.'),
    ('usage_features', 4, 'period', 
     'text NOT NULL CONSTRAINT usage_features_period_is_a_kind CHECK (period IN (''hour'', ''day'', ''week'', ''month'', ''year'', ''total'', ''billing_week'', ''billing_month'', ''billing_year''))',
     '{text}', 'The kind of period after which a count starts again, such as day or billing_month.'),
    ('usage_features', 5, 'is_builtin', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the feature comes with the extension.'),
    ('usage_features', 6, 'is_governed', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether a rule or a grant has ever named the feature: calls then read both. Set by triggers, never cleared.'),
    ('usage_features', 7, 'reads_calendars', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether a user or a plan has ever had a time zone or an anchor: calls then read it first. Set by a trigger, never cleared.');

-- An apply worker of logical replication fires no statement triggers, and fires triggers for rows
-- only if they are ENABLE ALWAYS. TRUNCATE has statement triggers only.
INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, function_name, description)
VALUES
    ('usage_features', 'usage_features_changed', 'INSERT OR UPDATE OR DELETE', 'ROW', '@extschema@.usage_features_changed',
     'Makes every session read the registry again.'),
    ('usage_features', 'usage_features_truncated', 'TRUNCATE', 'STATEMENT', '@extschema@.usage_features_changed',
     'Makes every session read the registry again.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES ('usage_features', 'usage_features_readable_rows', 'SELECT', 'public', 'true', false,
        'Lets everybody with SELECT on the table read these rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_features', 'service_role', '{SELECT}'),
    ('usage_features', 'authenticated', '{SELECT}');

INSERT INTO feature_usage_internal.rows (table_name, is_for_new_table, content)
VALUES
    ('usage_features', false, '{"feature_type": "voice_seconds", "usage_column": "voice_seconds",
      "limit_column": "voice_seconds_limit", "period": "month", "is_builtin": true}'),
    ('usage_features', false, '{"feature_type": "insights", "usage_column": "insights_count",
      "limit_column": "insights_limit", "period": "month", "is_builtin": true}'),
    ('usage_features', false, '{"feature_type": "therai_calls", "usage_column": "therai_calls",
      "limit_column": "therai_calls_limit", "period": "day", "is_builtin": true}'),
    ('usage_features', false, '{"feature_type": "chat", "usage_column": "chat_messages",
      "limit_column": "chat_messages_daily_limit", "period": "day", "is_builtin": true}'),
    ('usage_features', false, '{"feature_type": "image_generation", "usage_column": "images_generated",
      "limit_column": "image_generation_daily_limit", "period": "day", "is_builtin": true}');

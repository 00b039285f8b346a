-- feature_usage: the counters.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, fill_factor, description)
VALUES ('feature_usage', 1, '{user_id,period}', false, true,
        -- Leaves room on every page for the next version of a row: an update then touches no index (HOT).
        50,
        'How much of each feature a user has used: one row per user and period.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('feature_usage', 1, 'id', 'uuid NOT NULL DEFAULT gen_random_uuid()', NULL,
     'Identifies the row, for clients and for the reservations that it counts.'),
    ('feature_usage', 2, 'user_id', 'uuid NOT NULL', '{uuid}',
     'The user whose usage this is.'),
    ('feature_usage', 3, 'period', 'text NOT NULL', '{text,character varying}',
     'The period key, in UTC: a day (YYYY-MM-DD) or a month (YYYY-MM).'),
    ('feature_usage', 5, 'has_reservations', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether anything was ever reserved in the period; false saves looking for reservations.'),
    ('feature_usage', 6, 'has_increments', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether increments of the period did not wait for this row, so that usage_increments may have more of its counts; false saves looking for them.'),
    ('feature_usage', 7, 'created_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the first count of the period arrived.'),
    ('feature_usage', 8, 'updated_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the last count of the period arrived.');

-- A counter: never NULL, never negative, 0 by default. Those of add_feature() are bigint, so that
-- bytes or tokens fit; an existing bigint counter is never narrowed.
INSERT INTO feature_usage_internal.feature_columns
       (table_name, position, registry_column, builtin_definition, custom_definition, types, check_name, description)
VALUES ('feature_usage', 4, 'usage_column', 'integer NOT NULL DEFAULT 0', 'bigint NOT NULL DEFAULT 0',
        '{integer,bigint,smallint}', 'feature_usage_counters_not_negative',
        'How much of feature %1$s was used in the period.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('feature_usage', 'feature_usage_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())', true,
     'Lets signed-in users read their own rows.'),
    ('feature_usage', 'feature_usage_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('feature_usage', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('feature_usage', 'authenticated', '{SELECT}');

-- user_plans: who has which plan. May be a view over an existing table.
--
-- A row that leaves out is_active and status is an active subscription, as with set_user_plan(). A
-- NULL that is written means no.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('user_plans', 2, '{user_id}', true, true,
        'Which user has which plan. A user without a row has the plan free. May be a view.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, is_to_be_filled, default_value, description)
VALUES
    ('user_plans', 1, 'user_id', 'uuid NOT NULL', '{uuid}', false, NULL,
     'The user whose plan this is.'),
    ('user_plans', 2, 'plan_id', 'text', NULL, true, NULL,
     'The plan. NULL is the plan free.'),
    ('user_plans', 3, 'is_active', 'boolean', '{boolean}', true, 'true',
     'Whether the subscription is active. NULL means no; true if left out.'),
    ('user_plans', 4, 'status', 'text', NULL, true, 'active',
     'The state of the subscription. Only active and trialing allow anything; active if left out.'),
    ('user_plans', 5, 'trial_end_date', 'timestamptz',
     '{timestamp with time zone,timestamp without time zone,date}', false, NULL,
     'When the trial of a user on the plan free ends. NULL means never.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, views_may_lack, description)
VALUES
    ('user_plans', 6, 'period_anchor',
     'timestamptz CONSTRAINT user_plans_period_anchor_is_of_the_years_1_to_9999 CHECK (period_anchor >= ''0001-01-02 00:00:00+00'' AND period_anchor < ''9999-12-31 00:00:00+00'')',
     '{timestamp with time zone,timestamp without time zone,date}', true,
     'When the billing periods of the user begin: the day counts, not its time. NULL is that of the plan.'),
    ('user_plans', 7, 'time_zone', 'text', '{text,character varying}', true,
     'The time zone in which the periods of the user begin, such as Europe/Berlin. NULL is that of the plan, else UTC.');

INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, condition, function_name, description)
VALUES ('user_plans', 'user_plans_calendars', 'INSERT OR UPDATE', 'ROW', 'NEW.time_zone IS NOT NULL OR NEW.period_anchor IS NOT NULL',
        'feature_usage_internal.read_calendars',
        'Makes every call read the time zone and the anchor of its user, from the first one on.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('user_plans', 'user_plans_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())', true,
     'Lets signed-in users read their own rows.'),
    ('user_plans', 'user_plans_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('user_plans', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('user_plans', 'authenticated', '{SELECT}');

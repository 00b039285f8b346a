-- usage_pools: who shares a plan. What user_plans is for a user; may be a view over an app's organizations.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_pools', 11, '{pool_id}', true, false,
        'Pools, such as teams: each has a plan that its members use together. May be a view.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, is_to_be_filled, default_value, description)
VALUES
    ('usage_pools', 1, 'pool_id', 'uuid NOT NULL CONSTRAINT usage_pools_pool_id_is_not_zero CHECK (pool_id <> ''00000000-0000-0000-0000-000000000000'')', '{uuid}', false, NULL,
     'Identifies the pool.'),
    ('usage_pools', 2, 'plan_id', 'text', NULL, true, NULL,
     'The plan. NULL is the plan free.'),
    ('usage_pools', 3, 'is_active', 'boolean', '{boolean}', true, 'true',
     'Whether the subscription is active. NULL means no; true if left out.'),
    ('usage_pools', 4, 'status', 'text', NULL, true, 'active',
     'The state of the subscription. Only active and trialing allow anything; active if left out.'),
    ('usage_pools', 5, 'trial_end_date', 'timestamptz',
     '{timestamp with time zone,timestamp without time zone,date}', false, NULL,
     'When the trial of a pool on the plan free ends. NULL means never.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, views_may_lack, description)
VALUES
    ('usage_pools', 6, 'period_anchor',
     'timestamptz CONSTRAINT usage_pools_period_anchor_is_of_the_years_1_to_9999 CHECK (period_anchor >= ''0001-01-02 00:00:00+00'' AND period_anchor < ''9999-12-31 00:00:00+00'')',
     '{timestamp with time zone,timestamp without time zone,date}', true,
     'When the billing periods of the pool begin: the day counts, not its time. NULL is that of the plan.'),
    ('usage_pools', 7, 'time_zone', 'text', '{text,character varying}', true,
     'The time zone in which the periods of the pool begin, such as Europe/Berlin. NULL is that of the plan, else UTC.'),
    ('usage_pools', 8, 'seats',
     'integer NOT NULL DEFAULT 1 CONSTRAINT usage_pools_seats_are_at_least_1 CHECK (seats >= 1)',
     '{integer,bigint,smallint}', true,
     'How many seats are paid: the limits of the plan are multiplied by them. Of a view, NULL is none.');

-- The members' rows say who belongs to a pool, so they decide who sees it.
INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, pool_condition, needs_auth_uid, description)
VALUES
    ('usage_pools', 'usage_pools_of_members', 'SELECT', 'authenticated', NULL,
     'pool_id IN (SELECT pm.pool_id FROM @extschema@.usage_pool_members AS pm WHERE pm.user_id = (SELECT auth.uid()))', true,
     'Lets signed-in users read their pools.'),
    ('usage_pools', 'usage_pools_service_role', 'ALL', 'service_role', 'true', NULL, false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_pools', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('usage_pools', 'authenticated', '{SELECT}');

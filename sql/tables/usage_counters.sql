-- usage_counters: what feature_usage has no columns for: windows and rates of caps, and all of pools.

-- No foreign key: prune_feature_usage() deletes the rows of users that are gone.
INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, fill_factor, description)
VALUES ('usage_counters', 6, '{pool_id,user_id,feature_type,period}', false, false,
        -- As in feature_usage, so that updates are HOT.
        50,
        'What the caps of rules have counted, and how much grants and overage covered: one row per user, pool or member, feature, and window, rate or period.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_counters', 1, 'pool_id', 'uuid NOT NULL DEFAULT ''00000000-0000-0000-0000-000000000000''', '{uuid}',
     'The pool. Zero if the row is a user''s own.'),
    ('usage_counters', 2, 'user_id', 'uuid NOT NULL', '{uuid}',
     'The user, or the member of the pool. Zero if it is the pool''s total.'),
    ('usage_counters', 3, 'feature_type', 'text NOT NULL', '{text}',
     'The feature.'),
    ('usage_counters', 4, 'period', 'text NOT NULL', '{text}',
     'The period key of the window, rate/ and the seconds of a rate, or the period key of the feature itself.'),
    ('usage_counters', 5, 'used', 'bigint NOT NULL DEFAULT 0', '{bigint}',
     'How much was used in the window. 0 for a rate, and for a user''s own period of the feature itself, which feature_usage counts.'),
    ('usage_counters', 6, 'drawn', 'bigint NOT NULL DEFAULT 0', '{bigint}',
     'How much of the count of the period grants or a currency covered.'),
    ('usage_counters', 7, 'overage', 'bigint NOT NULL DEFAULT 0', '{bigint}',
     'How much of the count of the period is beyond everything else, as a rule allows it: billable.'),
    ('usage_counters', 8, 'tat', 'timestamptz', '{timestamp with time zone}',
     'When the bucket of a rate is full again (the theoretical arrival time of GCRA).'),
    ('usage_counters', 9, 'has_reservations', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether anything was ever reserved in the window; false saves looking for reservations.'),
    ('usage_counters', 10, 'updated_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the last count arrived.'),
    ('usage_counters', 11, 'created_at', 'timestamptz NOT NULL DEFAULT clock_timestamp()', '{timestamp with time zone}',
     'When the row was made. A month, a year and the total begin with what was counted before, including reservations.');

INSERT INTO feature_usage_internal.checks (table_name, name, condition)
VALUES ('usage_counters', 'usage_counters_not_negative', 'used >= 0 AND drawn >= 0 AND overage >= 0');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, pool_condition, needs_auth_uid, description)
VALUES
    ('usage_counters', 'usage_counters_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())',
     'user_id = ''00000000-0000-0000-0000-000000000000'' AND pool_id IN (SELECT pm.pool_id FROM @extschema@.usage_pool_members AS pm WHERE pm.user_id = (SELECT auth.uid()))', true,
     'Lets signed-in users read their own rows, and the totals of their pools.'),
    ('usage_counters', 'usage_counters_service_role', 'ALL', 'service_role', 'true', NULL, false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_counters', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('usage_counters', 'authenticated', '{SELECT}');

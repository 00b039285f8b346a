-- usage_grants: stocks of units beside the allowance, such as a credit pack that was paid.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, fill_factor, description)
VALUES ('usage_grants', 8, '{grant_id}', false, true,
        -- As in feature_usage, so that updates are HOT.
        50,
        'Grants: units of a feature that a user or a pool has beside the allowance, until they are used up or expire.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_grants', 1, 'grant_id', 'uuid NOT NULL DEFAULT gen_random_uuid()', '{uuid}',
     'Identifies the grant.'),
    ('usage_grants', 2, 'user_id', 'uuid', '{uuid}',
     'The user who has it, unless a pool has it.'),
    ('usage_grants', 3, 'feature_type', 'text NOT NULL', '{text}',
     'The feature, which must be registered.'),
    ('usage_grants', 4, 'amount', 'bigint NOT NULL', '{bigint}',
     'How many units were granted.'),
    ('usage_grants', 5, 'used', 'bigint NOT NULL DEFAULT 0', '{bigint}',
     'How many of them are used, open reservations included.'),
    ('usage_grants', 6, 'priority', 'integer NOT NULL DEFAULT 100', '{integer}',
     'Grants with a lower priority are used first.'),
    ('usage_grants', 7, 'effective_at', 'timestamptz NOT NULL DEFAULT now()', '{timestamp with time zone}',
     'From when on it can be used.'),
    ('usage_grants', 8, 'expires_at', 'timestamptz', '{timestamp with time zone}',
     'When it can be used no more. NULL means never.'),
    ('usage_grants', 9, 'source_ref', 'text NOT NULL', '{text}',
     'What it was granted for, such as a payment: one grant per reference and feature.'),
    ('usage_grants', 10, 'reason', 'text', '{text}',
     'Why, for operators. Signed-in users cannot read it.'),
    ('usage_grants', 11, 'actor', 'text', '{text}',
     'Who granted it, for operators. Signed-in users cannot read it.'),
    ('usage_grants', 12, 'voided_at', 'timestamptz', '{timestamp with time zone}',
     'When it was voided, such as after a refund. NULL means it was not.'),
    ('usage_grants', 13, 'created_at', 'timestamptz NOT NULL DEFAULT now()', '{timestamp with time zone}',
     'When it was granted.'),
    ('usage_grants', 14, 'pool_id', 'uuid', '{uuid}',
     'The pool that has it, unless a user has it.');

INSERT INTO feature_usage_internal.checks (table_name, name, condition)
VALUES
    ('usage_grants', 'usage_grants_belongs_to_either_a_user_or_a_pool', '(user_id IS NULL) <> (pool_id IS NULL)'),
    ('usage_grants', 'usage_grants_amount_is_at_least_1', 'amount > 0'),
    ('usage_grants', 'usage_grants_used_is_not_negative_nor_over_the_amount', 'used >= 0 AND used <= amount'),
    ('usage_grants', 'usage_grants_priority_is_0_to_32767', 'priority >= 0 AND priority <= 32767'),
    ('usage_grants', 'usage_grants_source_ref_is_not_empty', 'source_ref <> '''''),
    ('usage_grants', 'usage_grants_effective_at_is_of_the_years_1_to_9999',
     'effective_at >= ''0001-01-02 00:00:00+00'' AND effective_at < ''9999-12-31 00:00:00+00'''),
    ('usage_grants', 'usage_grants_expires_at_is_after_effective_at_and_before_10000',
     'expires_at > effective_at AND expires_at < ''9999-12-31 00:00:00+00''');

-- Without used, so that drawing from a grant is a HOT update.
INSERT INTO feature_usage_internal.indexes (table_name, name, definition, is_unique)
VALUES
    ('usage_grants', 'usage_grants_by_user', '(user_id, feature_type) WHERE pool_id IS NULL', false),
    ('usage_grants', 'usage_grants_by_pool', '(pool_id, feature_type) WHERE pool_id IS NOT NULL', false),
    ('usage_grants', 'usage_grants_once_per_source', '(source_ref, feature_type)', true);

INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, condition, function_name, description)
VALUES
    ('usage_grants', 'usage_grants_govern', 'INSERT', 'ROW', NULL, 'feature_usage_internal.govern_feature',
     'Checks the feature, and makes its calls read the grants.'),
    ('usage_grants', 'usage_grants_keep_terms', 'UPDATE', 'ROW',
     '(OLD.grant_id IS DISTINCT FROM NEW.grant_id OR OLD.user_id IS DISTINCT FROM NEW.user_id OR OLD.pool_id IS DISTINCT FROM NEW.pool_id OR OLD.feature_type IS DISTINCT FROM NEW.feature_type OR OLD.amount IS DISTINCT FROM NEW.amount OR OLD.priority IS DISTINCT FROM NEW.priority OR OLD.effective_at IS DISTINCT FROM NEW.effective_at OR OLD.expires_at IS DISTINCT FROM NEW.expires_at OR OLD.source_ref IS DISTINCT FROM NEW.source_ref OR OLD.created_at IS DISTINCT FROM NEW.created_at)',
     'feature_usage_internal.keep_terms',
     'Refuses to change the terms of a grant, which may have been paid.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, pool_condition, needs_auth_uid, description)
VALUES
    ('usage_grants', 'usage_grants_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())',
     'pool_id IN (SELECT pm.pool_id FROM @extschema@.usage_pool_members AS pm WHERE pm.user_id = (SELECT auth.uid()))', true,
     'Lets signed-in users read their own rows, and those of their pools.'),
    ('usage_grants', 'usage_grants_service_role', 'ALL', 'service_role', 'true', NULL, false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges, select_columns)
VALUES
    ('usage_grants', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}', '{}'),
    -- Neither reason nor actor, which are for operators.
    ('usage_grants', 'authenticated', '{}',
     '{grant_id,user_id,pool_id,feature_type,amount,used,priority,effective_at,expires_at,source_ref,voided_at,created_at}');

-- usage_rules: what changes a plan's limits, for everybody, a plan, a user, a pool or its members.
--
-- It is written like plan_limits, as a table. One row is one sentence: for whom, which feature, what
-- effect, how much, per what, from when until when.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_rules', 7, '{rule_id}', false, true,
        'Rules: overrides, additions, blocks, caps, overage, warnings and prices, for everybody, a plan, a user, a pool or its members.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_rules', 1, 'rule_id', 'uuid NOT NULL DEFAULT gen_random_uuid()', '{uuid}',
     'Identifies the rule.'),
    ('usage_rules', 2, 'applies_to', 'text NOT NULL', '{text}',
     'Whom it applies to: all, the users and pools of a plan, one user, one pool, or the members of a pool.'),
    ('usage_rules', 3, 'plan_id', 'text', '{text}',
     'The plan, if it applies to one.'),
    ('usage_rules', 4, 'user_id', 'uuid', '{uuid}',
     'The user, if it applies to one. Of a rule for members, NULL is each of them.'),
    ('usage_rules', 5, 'feature_type', 'text NOT NULL', '{text}',
     'The feature, which must be registered.'),
    ('usage_rules', 6, 'effect', 'text NOT NULL', '{text}',
     'set replaces the limit of the plan, add adds to the limit, deny blocks the feature, cap limits the units per window or rate, overage allows use beyond everything else, warn and low write alerts, cost has the feature paid in another one, log keeps a ledger of it.'),
    ('usage_rules', 7, 'amount', 'bigint', '{bigint}',
     'How much: units, of warn a percentage of the limit, of cost units of the currency per unit, of log days that entries are kept. NULL is unlimited for set, any for overage, for ever for log, lifts a less specific cap for cap, and is required for deny.'),
    ('usage_rules', 8, 'per', 'text NOT NULL DEFAULT ''period''', '{text}',
     'What a cap is counted per: period is the feature''s own, rate a bucket that refills evenly, the others are windows of the calendar.'),
    ('usage_rules', 9, 'every', 'interval', '{interval}',
     'In which time the bucket of a rate refills: 1 second to 31 days, in whole seconds.'),
    ('usage_rules', 10, 'paid_in', 'text', '{text}',
     'The currency of a cost: another feature, which has no cost itself.'),
    ('usage_rules', 11, 'starts_at', 'timestamptz NOT NULL DEFAULT now()', '{timestamp with time zone}',
     'When the rule begins to apply.'),
    ('usage_rules', 12, 'ends_at', 'timestamptz', '{timestamp with time zone}',
     'When it applies no more. NULL means never. To end a rule, set this to now(): the row stays as its history.'),
    ('usage_rules', 13, 'reason', 'text', '{text}',
     'Why, for operators. Signed-in users cannot read it.'),
    ('usage_rules', 14, 'actor', 'text', '{text}',
     'Who made the rule, for operators. Signed-in users cannot read it.'),
    ('usage_rules', 15, 'source_ref', 'text', '{text}',
     'What it was made for, such as a payment: one rule per reference, feature and effect.'),
    ('usage_rules', 16, 'created_at', 'timestamptz NOT NULL DEFAULT now()', '{timestamp with time zone}',
     'When the rule was made.'),
    ('usage_rules', 17, 'pool_id', 'uuid', '{uuid}',
     'The pool, if it applies to one or to its members.');

INSERT INTO feature_usage_internal.checks (table_name, name, condition)
VALUES
    ('usage_rules', 'usage_rules_applies_to_is_all_plan_user_pool_or_member',
     'applies_to IN (''all'', ''plan'', ''user'', ''pool'', ''member'')'),
    ('usage_rules', 'usage_rules_plan_id_if_and_only_if_applies_to_plan',
     '(applies_to = ''plan'') = (plan_id IS NOT NULL)'),
    ('usage_rules', 'usage_rules_pool_id_if_and_only_if_applies_to_pool_or_member',
     '(applies_to = ANY (''{pool,member}''::text[])) = (pool_id IS NOT NULL)'),
    ('usage_rules', 'usage_rules_user_id_for_user_and_perhaps_for_member_only',
     'CASE applies_to WHEN ''user'' THEN user_id IS NOT NULL WHEN ''member'' THEN true ELSE user_id IS NULL END'),
    ('usage_rules', 'usage_rules_member_has_deny_or_cap',
     'applies_to <> ''member'' OR effect = ANY (''{deny,cap}''::text[])'),
    ('usage_rules', 'usage_rules_effect_set_add_deny_cap_overage_warn_low_cost_log',
     'effect IN (''set'', ''add'', ''deny'', ''cap'', ''overage'', ''warn'', ''low'', ''cost'', ''log'')'),
    ('usage_rules', 'usage_rules_log_applies_to_all',
     'effect <> ''log'' OR applies_to = ''all'''),
    ('usage_rules', 'usage_rules_per_is_period_rate_or_a_kind_of_period',
     'per IN (''period'', ''hour'', ''day'', ''week'', ''month'', ''year'', ''total'', ''billing_week'', ''billing_month'', ''billing_year'', ''rate'')'),
    ('usage_rules', 'usage_rules_per_is_for_cap_only',
     'per = ''period'' OR effect = ''cap'''),
    ('usage_rules', 'usage_rules_every_if_and_only_if_per_rate',
     '(per = ''rate'') = (every IS NOT NULL)'),
    ('usage_rules', 'usage_rules_every_is_1_second_to_31_days_in_whole_seconds',
     'every IS NULL OR every >= ''1 second'' AND every <= ''31 days'' AND extract(year FROM every) = 0 AND extract(month FROM every) = 0 AND date_trunc(''second'', every) = every'),
    ('usage_rules', 'usage_rules_rate_is_at_most_1000_units_per_second',
     'per <> ''rate'' OR amount IS NULL OR amount <= 1000 * extract(epoch FROM every)'),
    ('usage_rules', 'usage_rules_amount_is_not_negative',
     'amount >= 0'),
    ('usage_rules', 'usage_rules_amount_is_required_for_add_warn_low_and_cost',
     'effect NOT IN (''add'', ''warn'', ''low'', ''cost'') OR amount IS NOT NULL'),
    ('usage_rules', 'usage_rules_amount_of_cost_and_low_is_at_least_1',
     'effect NOT IN (''cost'', ''low'') OR amount >= 1'),
    ('usage_rules', 'usage_rules_amount_of_warn_is_1_to_1000_percent',
     'effect <> ''warn'' OR amount >= 1 AND amount <= 1000'),
    ('usage_rules', 'usage_rules_paid_in_if_and_only_if_cost',
     '(effect = ''cost'') = (paid_in IS NOT NULL)'),
    ('usage_rules', 'usage_rules_paid_in_is_another_feature',
     'paid_in <> feature_type'),
    ('usage_rules', 'usage_rules_deny_has_no_amount',
     'effect <> ''deny'' OR amount IS NULL'),
    ('usage_rules', 'usage_rules_starts_at_is_not_infinity',
     'isfinite(starts_at) OR starts_at = ''-infinity'''),
    ('usage_rules', 'usage_rules_ends_at_is_not_before_starts_at',
     'ends_at >= starts_at');

INSERT INTO feature_usage_internal.indexes (table_name, name, definition, is_unique)
VALUES
    ('usage_rules', 'usage_rules_by_user', '(user_id, feature_type) WHERE user_id IS NOT NULL', false),
    ('usage_rules', 'usage_rules_by_pool', '(pool_id, feature_type) WHERE pool_id IS NOT NULL', false),
    ('usage_rules', 'usage_rules_by_plan', '(feature_type, plan_id) WHERE user_id IS NULL AND pool_id IS NULL', false),
    ('usage_rules', 'usage_rules_once_per_source', '(source_ref, feature_type, effect)', true);

INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, function_name, description)
VALUES ('usage_rules', 'usage_rules_govern', 'INSERT OR UPDATE', 'ROW', 'feature_usage_internal.govern_feature',
        'Checks the feature, and makes its calls read the rules.');

INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, condition, function_name, description)
VALUES ('usage_rules', 'usage_rules_refuse_chains', 'INSERT OR UPDATE', 'ROW', '(NEW.effect = ''cost'')',
        'feature_usage_internal.refuse_chained_costs', 'Refuses a currency that has a cost itself.');

-- One policy for all: several permissive ones would be evaluated one after the other.
INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, pool_condition, needs_auth_uid, description)
VALUES
    ('usage_rules', 'usage_rules_readable_rows', 'SELECT', 'authenticated',
     'user_id = (SELECT auth.uid()) OR applies_to = ''all'' OR applies_to = ''plan'' AND plan_id IN (SELECT pl.plan_id FROM @extschema@.plan_limits AS pl WHERE pl.is_active)',
     'pool_id IN (SELECT pm.pool_id FROM @extschema@.usage_pool_members AS pm WHERE pm.user_id = (SELECT auth.uid())) AND (user_id IS NULL OR user_id = (SELECT auth.uid()))',
     true, 'Lets signed-in users read the rules for themselves, their pools, all, and active plans.'),
    ('usage_rules', 'usage_rules_service_role', 'ALL', 'service_role', 'true', NULL, false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges, select_columns)
VALUES
    ('usage_rules', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}', '{}'),
    -- Neither reason nor actor, which are for operators.
    ('usage_rules', 'authenticated', '{}',
     '{rule_id,applies_to,plan_id,user_id,pool_id,feature_type,effect,amount,per,every,paid_in,starts_at,ends_at,source_ref,created_at}');

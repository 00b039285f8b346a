-- usage_grants: granting, voiding and carrying over, and what is refused.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_usage_grants
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
-- An answer without the fields that vary.
CREATE FUNCTION brief(answer jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT answer - '{grant_id,effective_at}'::text[]
           || CASE WHEN answer ? 'grants' THEN jsonb_build_object('grants', (SELECT jsonb_agg(g - 'grant_id' ORDER BY g ->> 'feature_type') FROM jsonb_array_elements(answer -> 'grants') AS g)) ELSE '{}' END
$$;

-- Granted once per source and feature; the same call again returns the grant.
SELECT is_governed FROM usage_features WHERE feature_type = 'chat';
SELECT brief(grant_usage(u(1), 'chat', 10, 'pi_1'));
SELECT is_governed FROM usage_features WHERE feature_type = 'chat';
SELECT brief(grant_usage(u(1), 'chat', 10, 'pi_1'));
SELECT brief(grant_usage(u(1), 'chat', 10, 'pi_1', p_reason => 'another reason is no other term'));
SELECT brief(grant_usage(u(1), 'insights', 7, 'pi_1', '2999-01-01', '2000-01-01', 5));
SELECT brief(grant_usage(u(1), 'insights', 7, 'pi_1', '2999-01-01', p_priority => 5));
SELECT count(*) FROM usage_grants;

-- Other terms for the same source.
SELECT brief(grant_usage(u(1), 'chat', 11, 'pi_1'));
SELECT brief(grant_usage(u(2), 'chat', 10, 'pi_1'));
SELECT brief(grant_usage(u(1), 'chat', 10, 'pi_1', '2999-01-01'));
SELECT brief(grant_usage(u(1), 'chat', 10, 'pi_1', p_priority => 99));
SELECT brief(grant_usage(u(1), 'insights', 7, 'pi_1', '2999-01-01', '2000-01-02', 5));
-- Compared before it is checked: a date that has passed since is no error.
SELECT brief(grant_usage(u(1), 'chat', 10, 'pi_1', '2001-01-01'));
SELECT count(*), sum(amount) FROM usage_grants;

-- Bad input: nothing is granted.
SELECT call, test.outcome(call), test.hint('SELECT ' || call) FROM (VALUES
    ('grant_usage(NULL, ''chat'', 1, ''x'')'),
    ('grant_usage(u(1), NULL, 1, ''x'')'),
    ('grant_usage(u(1), ''chat'', NULL, ''x'')'),
    ('grant_usage(u(1), ''chat'', 1, NULL)'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', p_priority => NULL)'),
    ('grant_usage(u(1), ''chta'', 1, ''x'')'),
    ('grant_usage(u(1), ''chat'', 0, ''x'')'),
    ('grant_usage(u(1), ''chat'', -1, ''x'')'),
    ('grant_usage(u(1), ''chat'', -9223372036854775808, ''x'')'),
    ('grant_usage(u(1), ''chat'', 1, '''')'),
    ('grant_usage(u(1), ''chat'', 1, repeat(''x'', 256))'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', p_priority => -1)'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', p_priority => 32768)'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', ''2001-01-01'')'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', now())'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', ''2999-01-01'', ''2999-01-01'')'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', ''infinity'')'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', ''-infinity'')'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', NULL, ''infinity'')'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', NULL, ''0044-03-15 BC'')'),
    ('grant_usage(u(1), ''chat'', 1, ''x'', NULL, ''294276-12-31'')')
) AS calls (call);
SELECT count(*) FROM usage_grants;
-- The largest amounts: what is left of several is not more than a bigint.
SELECT brief(grant_usage(u(3), 'chat', 9223372036854775807, repeat('x', 255)));
SELECT brief(grant_usage(u(3), 'chat', 9223372036854775807, 'y', p_priority => 0));
SELECT test.brief(check_feature_limit(u(3), 'chat', 0));
SELECT test.brief(consume_feature(u(3), 'chat', 2147483647));

-- The table refuses the same.
SELECT test.sqlstate(format('INSERT INTO usage_grants (%s) VALUES (%s)', columns, row_values)), columns, row_values
  FROM (VALUES
    ('feature_type, amount, source_ref', '''chat'', 1, ''t'''),
    ('user_id, feature_type, amount, source_ref', 'u(1), ''chat'', 0, ''t'''),
    ('user_id, feature_type, amount, source_ref', 'u(1), ''chta'', 1, ''t'''),
    ('user_id, feature_type, amount, source_ref', 'u(1), ''chat'', 1, '''''),
    ('user_id, feature_type, amount, source_ref', 'u(1), ''chat'', 1, NULL'),
    ('user_id, feature_type, amount, source_ref', 'u(1), ''chat'', 1, ''pi_1'''),
    ('user_id, feature_type, amount, source_ref, used', 'u(1), ''chat'', 1, ''t'', 2'),
    ('user_id, feature_type, amount, source_ref, used', 'u(1), ''chat'', 1, ''t'', -1'),
    ('user_id, feature_type, amount, source_ref, priority', 'u(1), ''chat'', 1, ''t'', 32768'),
    ('user_id, feature_type, amount, source_ref, effective_at', 'u(1), ''chat'', 1, ''t'', ''-infinity'''),
    ('user_id, feature_type, amount, source_ref, expires_at', 'u(1), ''chat'', 1, ''t'', ''infinity'''),
    ('user_id, feature_type, amount, source_ref, expires_at', 'u(1), ''chat'', 1, ''t'', ''2001-01-01''')
) AS refused (columns, row_values);

-- The terms of a grant never change; what is used, the notes and whether it is voided may.
SELECT set_clause, test.sqlstate('UPDATE usage_grants SET ' || set_clause || ' WHERE source_ref = ''pi_1'' AND feature_type = ''chat''') FROM (VALUES
    ('amount = amount + 1'), ('feature_type = ''therai_calls'''), ('user_id = u(9)'), ('priority = 1'),
    ('effective_at = now()'), ('expires_at = ''2998-01-01'''), ('source_ref = ''pi_9'''), ('created_at = ''2000-01-01'''),
    ('grant_id = gen_random_uuid()'), ('used = 1'), ('reason = ''changed'', actor = ''me'''), ('amount = amount')
) AS changes (set_clause);
SELECT test.hint('UPDATE usage_grants SET amount = amount + 1');

-- Voiding: what is used stays used, what is left is forfeited.
UPDATE usage_grants SET used = 4 WHERE source_ref = 'pi_1' AND feature_type = 'chat';
SELECT brief(void_grant('pi_1', 'chat'));
SELECT brief(void_grant('pi_1', 'chat'));
SELECT brief(void_grant('pi_1'));
SELECT brief(void_grant('pi_1'));
SELECT brief(void_grant('pi_2'));
SELECT brief(void_grant('pi_1', 'therai_calls'));
SELECT brief(void_grant('y', p_user_id => u(1)));
SELECT brief(void_grant('y', p_user_id => u(3), p_reason => 'refunded'));
SELECT reason FROM usage_grants WHERE source_ref = 'y';
SELECT call, test.outcome(call) FROM (VALUES ('void_grant(NULL)'), ('void_grant(''y'', ''chta'')'), ('void_grant('''')')) AS calls (call);

-- Carrying over: bad input. What is carried is in the tests by the clock.
SELECT call, test.outcome(call), test.hint('SELECT ' || call) FROM (VALUES
    ('carry_over_usage(NULL, ''insights'', ''2001-01'', 1)'),
    ('carry_over_usage(u(1), NULL, ''2001-01'', 1)'),
    ('carry_over_usage(u(1), ''insights'', NULL, 1)'),
    ('carry_over_usage(u(1), ''insights'', ''2001-01'', NULL)'),
    ('carry_over_usage(u(1), ''insight'', ''2001-01'', 1)'),
    ('carry_over_usage(u(1), ''insights'', ''2001-01-01'', 1)'),
    ('carry_over_usage(u(1), ''insights'', ''2001-13'', 1)'),
    ('carry_over_usage(u(1), ''insights'', ''current'', 1)'),
    ('carry_over_usage(u(1), ''insights'', ''9999-01'', 1)'),
    ('carry_over_usage(u(1), ''insights'', ''2001-01'', -1)'),
    ('carry_over_usage(u(1), ''insights'', ''2001-01'', 1, p_allowance => -1)'),
    ('carry_over_usage(u(1), ''insights'', ''2001-01'', 1, ''2001-01-01'', 5)'),
    ('carry_over_usage(u(1), ''insights'', ''2001-01'', 1, ''infinity'', 5)')
) AS calls (call);
-- The plan's limit of insights is 0: nothing is left.
SELECT carry_over_usage(u(4), 'insights', '2001-01', 50);
SELECT brief(carry_over_usage(u(4), 'insights', '2001-01', 50, p_allowance => 20));
SELECT brief(carry_over_usage(u(4), 'insights', '2001-01', 5));
UPDATE plan_limits SET insights_limit = NULL;
SELECT test.outcome('carry_over_usage(u(4), ''insights'', ''2001-02'', 50)');
SELECT test.brief_rules(check_feature_limit(u(4), 'chat', 1));

-- An anonymous payment: the user of a grant is known when it is granted, and goes with the user's rows.
SELECT jsonb_pretty(usage_status(u(3), 'chat') #- '{features,chat,period}' #- '{features,chat,reset_at}' #- '{features,chat,grants,0,grant_id}' #- '{features,chat,grants,0,effective_at}');
\c :home
DROP DATABASE feature_usage_usage_grants;

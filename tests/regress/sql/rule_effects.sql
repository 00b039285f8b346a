-- What rules do to the answers: which of several hold, what they add up to, and what caps limit.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_rule_effects
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
-- Inserts a rule about insights, for user 1 unless the columns say otherwise.
CREATE PROCEDURE rule(columns jsonb) LANGUAGE plpgsql AS $$
DECLARE
    rule constant jsonb = jsonb_build_object('feature_type', 'insights')
                          || CASE WHEN columns ? 'applies_to' THEN '{}' ELSE jsonb_build_object('applies_to', 'user', 'user_id', u(1)) END || columns;
    names constant text = (SELECT string_agg(quote_ident(key), ', ' ORDER BY key) FROM jsonb_object_keys(rule) AS key);
BEGIN
    EXECUTE format('INSERT INTO usage_rules (%1$s) SELECT %1$s FROM jsonb_populate_record(NULL::usage_rules, $1)', names) USING rule;
END $$;
CREATE PROCEDURE start_again() LANGUAGE sql AS $$ TRUNCATE feature_usage, usage_rules, usage_counters, feature_reservations, feature_idempotency_keys $$;
-- The limit in force; unlimited, or the error_code.
CREATE FUNCTION limit_of(n integer) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN (answer ->> 'is_unlimited')::boolean THEN 'unlimited' ELSE coalesce(answer ->> 'limit', answer ->> 'error_code') END
      FROM check_feature_limit(u(n), 'insights', 0) AS answer
$$;
-- Users 1 and 2 are on the plan pro, user 3 is on the plan free.
INSERT INTO plan_limits (plan_id, insights_limit, chat_messages_daily_limit) VALUES ('pro', 50, 50), ('none', NULL, NULL);
UPDATE plan_limits SET insights_limit = 3 WHERE plan_id = 'free';
INSERT INTO user_plans (user_id, plan_id) VALUES (u(1), 'pro'), (u(2), 'pro');

-- add: 20 more for a time. Its end changes no count: what is used over the limit stays.
SELECT increment_insights_count(u(1), 60, 'current');
CALL rule('{"effect": "add", "amount": 20, "ends_at": "9999-01-01"}');
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 10));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 11));
UPDATE usage_rules SET ends_at = now();
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 0));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 1));
SELECT insights_count FROM feature_usage;
-- A rule that has not begun does not count.
UPDATE usage_rules SET starts_at = now() + interval '1 day', ends_at = NULL;
SELECT limit_of(1);

-- Since ever, for ever, and never.
UPDATE usage_rules SET starts_at = '-infinity';
SELECT limit_of(1);
UPDATE usage_rules SET ends_at = 'infinity';
SELECT limit_of(1);
UPDATE usage_rules SET ends_at = '-infinity';
SELECT limit_of(1);
UPDATE usage_rules SET ends_at = '4713-01-01 BC';
SELECT limit_of(1);
UPDATE usage_rules SET ends_at = '294276-12-31', created_at = 'infinity';
SELECT limit_of(1);
UPDATE usage_rules SET created_at = '-infinity';
SELECT limit_of(1);

-- set replaces the limit, the latest one if there are several; all additions add up.
CALL start_again();
CALL rule('{"effect": "set", "amount": 100, "starts_at": "2025-02-10"}');
SELECT limit_of(1);
CALL rule('{"effect": "set", "amount": 10, "starts_at": "2025-02-11", "source_ref": "tuesday"}');
SELECT limit_of(1);
CALL rule('{"effect": "add", "amount": 5, "starts_at": "2025-02-10", "applies_to": "plan", "plan_id": "pro"}');
CALL rule('{"effect": "add", "amount": 7, "starts_at": "2025-02-10"}');
SELECT limit_of(1);
UPDATE usage_rules SET ends_at = now() WHERE source_ref = 'tuesday';
SELECT limit_of(1);
CALL rule('{"effect": "set", "amount": null, "starts_at": "2025-02-12"}');
SELECT limit_of(1);
SELECT test.brief_rules(consume_feature(u(1), 'insights', 2147483647));
-- Of the others, one on the plan has its addition; one on another plan has none of it.
SELECT n, limit_of(n) FROM generate_series(1, 3) AS n;

-- The most specific level wins, however old it is: user, plan, all, the plan's own limit. Of two that
-- start together the one created last wins, then the greater id.
CALL start_again();
CALL rule('{"effect": "set", "amount": 30, "applies_to": "all"}');
SELECT n, limit_of(n) FROM generate_series(1, 3) AS n;
CALL rule('{"effect": "set", "amount": 20, "applies_to": "plan", "plan_id": "pro", "starts_at": "2025-02-10"}');
SELECT n, limit_of(n) FROM generate_series(1, 3) AS n;
CALL rule('{"effect": "set", "amount": 10, "starts_at": "2025-02-09", "created_at": "2025-02-10"}');
SELECT n, limit_of(n) FROM generate_series(1, 3) AS n;
CALL rule('{"effect": "set", "amount": 11, "starts_at": "2025-02-09", "created_at": "2025-02-11", "rule_id": "00000000-0000-0000-0000-000000000002"}');
SELECT limit_of(1);
CALL rule('{"effect": "set", "amount": 12, "starts_at": "2025-02-09", "created_at": "2025-02-11", "rule_id": "00000000-0000-0000-0000-000000000001"}');
SELECT limit_of(1);
CALL rule('{"effect": "set", "amount": 13, "starts_at": "2025-02-09", "created_at": "2025-02-11", "rule_id": "00000000-0000-0000-0000-000000000003"}');
SELECT limit_of(1);
-- A change of plan changes which rules of plans hold.
UPDATE user_plans SET plan_id = 'none' WHERE user_id = u(2);
SELECT limit_of(2);
DELETE FROM usage_rules WHERE applies_to = 'all';
SELECT limit_of(2), limit_of(3);
-- Unlimited and something more is unlimited; sums do not overflow.
CALL rule(jsonb_build_object('effect', 'add', 'amount', 5, 'user_id', u(2), 'applies_to', 'user'));
SELECT limit_of(2);
UPDATE user_plans SET plan_id = 'pro' WHERE user_id = u(2);
CALL rule(jsonb_build_object('effect', 'add', 'amount', 9223372036854775807, 'applies_to', 'all'));
SELECT limit_of(2);
SELECT test.brief_rules(consume_feature(u(2), 'insights', 2147483647));

-- deny blocks, whoever it is for and whatever else allows; nothing is counted.
CALL start_again();
CALL rule('{"effect": "deny"}');
CALL rule('{"effect": "set", "amount": null, "starts_at": "2025-02-10"}');
SELECT test.brief_rules(consume_feature(u(1), 'insights'));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 0));
SELECT test.brief_rules(reserve_feature(u(1), 'insights'));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights'));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 1, '2025-02'));
SELECT count(*) FROM feature_usage;
-- Invalid arguments come before it.
SELECT consume_feature(u(1), 'insights', -1) ->> 'error_code', check_feature_limit(u(1), 'insights', 1, 'soon') ->> 'error_code';
-- Others, and other features, are not denied.
SELECT consume_feature(u(2), 'insights') ->> 'consumed', consume_feature(u(1), 'chat') ->> 'consumed';
-- What has happened is counted all the same.
SELECT increment_insights_count(u(1), 2, 'current');
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(1), 'feature_type', 'insights', 'amount', 3)));
SELECT sum(insights_count) FROM feature_usage WHERE user_id = u(1);
-- An open reservation can be committed while its user is denied.
DELETE FROM usage_rules WHERE effect = 'deny';
SELECT reserve_feature(u(1), 'insights', 4) ->> 'reservation_id' AS reservation \gset
CALL rule('{"effect": "deny", "applies_to": "plan", "plan_id": "pro"}');
SELECT commit_reservation(:'reservation', 5) ->> 'actual', consume_feature(u(1), 'insights') ->> 'error_code', consume_feature(u(2), 'insights') ->> 'error_code';
CALL rule('{"effect": "deny", "applies_to": "all"}');
SELECT consume_feature(u(3), 'insights') ->> 'error_code';
-- The page of a denied user: the limit is 0.
SELECT get_user_limits(u(1)) #> '{limits,insights}', usage_status(u(1), 'insights') #>> '{features,insights,error_code}';
-- A deny that is over denies no more.
UPDATE usage_rules SET ends_at = now() WHERE effect = 'deny';
SELECT n, consume_feature(u(n), 'insights') ->> 'consumed' FROM generate_series(1, 3) AS n;

-- A subscription or a trial that has lapsed, or an unknown plan, is not helped by any rule.
CALL start_again();
CALL rule('{"effect": "set", "amount": null, "applies_to": "all"}');
CALL rule('{"effect": "add", "amount": 5, "applies_to": "all"}');
INSERT INTO user_plans (user_id, plan_id, status, trial_end_date) VALUES (u(11), 'none', 'past_due', NULL), (u(12), 'gone', 'active', NULL), (u(13), 'free', 'active', '2025-01-31');
SELECT test.brief_rules(consume_feature(user_id, 'insights')) FROM user_plans WHERE user_id >= u(11) ORDER BY user_id;
CALL rule('{"effect": "deny", "applies_to": "all"}');
SELECT consume_feature(user_id, 'insights') ->> 'error_code' FROM user_plans WHERE user_id >= u(11) ORDER BY user_id;

-- Caps: the answer as a whole, of an allowed call and of a denied one.
CALL start_again();
CALL rule('{"effect": "cap", "amount": 5, "per": "total"}');
SELECT jsonb_pretty(test.brief(consume_feature(u(1), 'insights', 2)));
SELECT jsonb_pretty(test.brief(consume_feature(u(1), 'insights', 4)));
SELECT period, used, tat, has_reservations FROM usage_counters;
-- Several windows and a rate: all must have room, whatever the plan allows. What is denied by one is
-- counted in none.
CALL rule('{"effect": "cap", "amount": 4, "per": "year"}');
CALL rule('{"effect": "cap", "amount": 9, "per": "period"}');
CALL rule('{"effect": "cap", "amount": 3, "per": "rate", "every": "31 days"}');
SELECT test.brief_rules(consume_feature(u(1), 'insights'));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 2));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 4));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 51));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 0));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 1));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 1));
SELECT CASE WHEN period LIKE '____' THEN 'year' ELSE period END, used, tat > now() AS refills FROM usage_counters ORDER BY 1;
-- A cap of 0 denies everything but 0.
CALL start_again();
CALL rule('{"effect": "cap", "amount": 0, "per": "rate", "every": "1 second"}');
SELECT test.brief_rules(consume_feature(u(1), 'insights'));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 0));
-- An unlimited plan with a cap.
UPDATE user_plans SET plan_id = 'none' WHERE user_id = u(2);
CALL rule('{"effect": "cap", "amount": 2, "applies_to": "plan", "plan_id": "none"}');
SELECT test.brief_rules(consume_feature(u(2), 'insights', 2));
SELECT test.brief_rules(consume_feature(u(2), 'insights'));
UPDATE user_plans SET plan_id = 'pro' WHERE user_id = u(2);

-- A cap of a more specific level replaces one of the same window, and NULL lifts it. Other windows, and
-- rates of another time, are other caps.
CALL start_again();
CALL rule('{"effect": "cap", "amount": 5, "per": "total", "applies_to": "all"}');
CALL rule('{"effect": "cap", "amount": 6, "per": "total", "applies_to": "plan", "plan_id": "pro"}');
CALL rule('{"effect": "cap", "amount": 7, "per": "rate", "every": "1 day", "applies_to": "plan", "plan_id": "pro"}');
CALL rule('{"effect": "cap", "amount": 8, "per": "rate", "every": "2 days", "applies_to": "plan", "plan_id": "pro"}');
SELECT n, test.brief_rules(check_feature_limit(u(n), 'insights', 0)) -> 'caps' FROM generate_series(1, 3) AS n;
CALL rule('{"effect": "cap", "amount": 2, "per": "total", "source_ref": "mine"}');
SELECT n, test.brief_rules(check_feature_limit(u(n), 'insights', 0)) -> 'caps' FROM generate_series(1, 3) AS n;
UPDATE usage_rules SET amount = NULL WHERE source_ref = 'mine';
CALL rule('{"effect": "cap", "amount": null, "per": "rate", "every": "24 hours"}');
SELECT n, test.brief_rules(check_feature_limit(u(n), 'insights', 0)) -> 'caps' FROM generate_series(1, 3) AS n;
-- A lifted cap counts nothing.
SELECT consume_feature(u(1), 'insights', 7) ->> 'consumed', consume_feature(u(2), 'insights', 7) ->> 'error_code';
SELECT right(user_id::text, 1), period, used FROM usage_counters ORDER BY user_id, period COLLATE "C";
-- A cap of the feature's own period, under its name or as period, reads the own counter.
CALL start_again();
CALL rule('{"effect": "cap", "amount": 3, "per": "month"}');
CALL rule('{"effect": "cap", "amount": 4, "per": "period"}');
SELECT test.brief_rules(consume_feature(u(1), 'insights', 3));
SELECT test.brief_rules(consume_feature(u(1), 'insights'));
SELECT count(*) FROM usage_counters;

-- A check of an explicit period has the limit in force, and no caps.
CALL start_again();
CALL rule('{"effect": "cap", "amount": 1, "per": "total"}');
CALL rule('{"effect": "add", "amount": 5}');
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 55, '2025-02'));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 56, '2025-02'));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 2, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 2, 'current'));

-- The pages: the limits in force, and the status of a feature and of all.
CALL rule('{"effect": "set", "amount": 20, "feature_type": "chat", "applies_to": "all"}');
SELECT consume_feature(u(1), 'insights') ->> 'consumed';
SELECT n, limits -> 'plan_id', limits -> 'insights', limits -> 'chat_messages_daily', limits -> 'voice_seconds' FROM generate_series(1, 3) AS n, jsonb_extract_path(get_user_limits(u(n)), 'limits') AS limits;
SELECT n, (usage_status(u(n), 'insights') #- '{features,insights,period}') #- '{features,insights,reset_at}' FROM generate_series(1, 3) AS n;
SELECT feature_type, status - '{period,reset_at}'::text[] FROM jsonb_each(usage_status(u(1)) -> 'features') AS f (feature_type, status) ORDER BY feature_type;

-- A rule of the plan free holds for whoever has no row, or no plan.
CALL start_again();
INSERT INTO user_plans (user_id, plan_id) VALUES (u(14), NULL), (u(15), 'free');
CALL rule('{"effect": "add", "amount": 4, "applies_to": "plan", "plan_id": "free"}');
SELECT n, limit_of(n) FROM unnest(ARRAY[1, 3, 14, 15]) AS n;
-- Checks and pages write nothing, and run in a READ ONLY transaction.
CALL rule('{"effect": "cap", "amount": 4, "per": "year", "applies_to": "all"}');
SELECT test.fingerprint() AS before \gset
BEGIN READ ONLY;
SELECT test.brief_rules(check_feature_limit(u(3), 'insights', 5));
SELECT usage_status(u(3), 'insights') #> '{features,insights,remaining}', usage_period(u(3), 'insights') IS NOT NULL, get_user_limits(u(3)) #> '{limits,insights}';
SELECT consume_feature(u(3), 'insights');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT test.fingerprint() = :'before';

-- A user to whom no rule applies has the answers of an app without rules, byte for byte.
CALL start_again();
CREATE TABLE answers (n integer, answer text);
CREATE PROCEDURE note_answers() LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE feature_usage, usage_counters, feature_reservations;
    INSERT INTO answers VALUES
        (1, check_feature_limit(u(3), 'insights', 2)),
        (2, consume_feature(u(3), 'insights', 2)),
        (3, consume_feature(u(3), 'insights', 2)),
        (4, consume_feature(u(3), 'insights', 0)),
        (5, reserve_feature(u(3), 'insights', 1) - '{reservation_id,expires_at}'::text[]),
        (6, check_feature_limit(u(3), 'insights', 1)),
        (7, check_feature_limit(u(3), 'insights', 1, '2025-02')),
        (8, check_feature_limit(u(3), 'insights', 1, 'soon')),
        (9, check_feature_limit(u(3), 'insights', -1)),
        (10, consume_feature(u(3), 'insights', -1)),
        (11, consume_feature(u(11), 'insights')),
        (12, check_feature_limit(u(12), 'insights')),
        (13, get_user_limits(u(3))),
        (14, usage_status(u(3)));
END $$;
UPDATE usage_features SET is_governed = false;
CALL note_answers();
CALL rule('{"effect": "deny", "applies_to": "plan", "plan_id": "pro"}');
CALL rule('{"effect": "cap", "per": "total", "amount": 1}');
CALL rule('{"effect": "deny", "applies_to": "all", "starts_at": "9999-01-01"}');
CALL rule('{"effect": "deny", "applies_to": "all", "starts_at": "2025-01-01", "ends_at": "2025-01-02"}');
CALL note_answers();
SELECT is_governed FROM usage_features WHERE feature_type = 'insights';
SELECT n, count(*), count(DISTINCT answer) FROM answers GROUP BY n ORDER BY n;
SELECT count(*) FROM usage_counters;
\c :home
DROP DATABASE feature_usage_rule_effects;

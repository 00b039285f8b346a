-- Overage: what may be used beyond everything else, and is billed; excess, which nothing covers, is not.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_overage
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
UPDATE plan_limits SET insights_limit = 10;
INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES ('all', 'insights', 'overage', 5), ('all', 'insights', 'warn', 80), ('all', 'insights', 'warn', 120);

-- The allowance first, then overage; a warning once a threshold is reached.
SELECT test.brief_rules(consume_feature(u(1), 'insights', 7));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 1));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 5));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 2));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 3));
SELECT test.brief_rules(consume_feature(u(1), 'insights', 2));
SELECT test.brief_rules(check_feature_limit(u(1), 'insights', 0));
SELECT used, drawn, overage FROM usage_counters;
-- A grant covers before overage does.
SELECT grant_usage(u(1), 'insights', 2, 'pack') ->> 'granted';
SELECT test.brief_rules(consume_feature(u(1), 'insights', 1));
-- Any amount, for one user; none, for another.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(2), 'insights', 'overage', NULL), ('user', u(3), 'insights', 'overage', 0);
SELECT test.brief_rules(consume_feature(u(2), 'insights', 2000000000));
SELECT test.brief_rules(consume_feature(u(3), 'insights', 11));
-- Unlimited never draws overage.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(4), 'insights', 'set', NULL);
SELECT test.brief_rules(consume_feature(u(4), 'insights', 100));
-- A subscription that lapsed has no overage.
INSERT INTO user_plans (user_id, plan_id, trial_end_date) VALUES (u(5), 'free', '2001-01-01');
SELECT test.brief_rules(consume_feature(u(5), 'insights', 1));
-- Increments draw it, and what is beyond is excess; so is a commit of more.
SELECT increment_insights_count(u(6), 18, 'current');
SELECT usage_status(u(6), 'insights') #- '{features,insights,period}' #- '{features,insights,reset_at}';
SELECT test.brief_rules(check_feature_limit(u(6), 'insights', 0));
SELECT (reserve_feature(u(7), 'insights', 12) ->> 'reservation_id') AS reservation \gset
SELECT sources FROM feature_reservations WHERE user_id = u(7);
SELECT commit_reservation(:'reservation', 20) ->> 'committed';
SELECT usage_status(u(7), 'insights') #> '{features,insights,excess}', overage FROM usage_counters WHERE user_id = u(7);
-- Overage of another period is that period's own.
SELECT increment_insights_count(u(8), 15, '2001-01');
SELECT period, overage FROM usage_counters WHERE user_id = u(8);
SELECT test.brief_rules(check_feature_limit(u(8), 'insights', 0, '2001-01'));
SELECT test.brief_rules(check_feature_limit(u(8), 'insights', 0));
-- Pruning keeps what is billable until its period is pruned.
SELECT prune_feature_usage('0 seconds');
SELECT count(*) FROM usage_counters WHERE user_id = u(8);
SELECT prune_feature_usage('0 seconds', '1 day');
SELECT count(*) FROM usage_counters WHERE user_id = u(8);

-- What the table refuses.
SELECT test.sqlstate(format('INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per) VALUES (''all'', ''insights'', %s)', refused)), refused FROM (VALUES
    ('''overage'', -1, ''period'''), ('''overage'', 1, ''day'''), ('''warn'', NULL, ''period'''), ('''warn'', 0, ''period'''), ('''warn'', 1001, ''period'''),
    ('''low'', NULL, ''period'''), ('''low'', 0, ''period''')
) AS r (refused);
\c :home
DROP DATABASE feature_usage_overage;

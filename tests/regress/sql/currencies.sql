-- A feature that is paid in another one: its price, what the currency's own rules do, and what is refused.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_currencies
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
SELECT add_feature('credits', 'total');
UPDATE plan_limits SET credits_limit = 20, image_generation_daily_limit = 1, chat_messages_daily_limit = 0;
CREATE FUNCTION credits(n integer) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s used, %s drawn', (SELECT sum(credits) FROM feature_usage WHERE user_id = u(n)),
                  (SELECT coalesce(sum(drawn), 0) FROM usage_counters WHERE user_id = u(n) AND feature_type = 'credits'))
$$;

-- A price makes both features read their rules.
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in) VALUES ('all', 'image_generation', 'cost', 5, 'credits');
SELECT feature_type FROM usage_features WHERE is_governed ORDER BY feature_type;
-- One image is included, the others cost 5 each.
SELECT test.brief_rules(check_feature_limit(u(1), 'image_generation', 3));
SELECT test.brief_rules(consume_feature(u(1), 'image_generation', 3));
SELECT credits(1);
SELECT test.brief_rules(consume_feature(u(1), 'image_generation', 3));
SELECT test.brief_rules(check_feature_limit(u(1), 'image_generation', 0));
SELECT jsonb_pretty(usage_status(u(1), 'image_generation') #- '{features,image_generation,period}' #- '{features,image_generation,reset_at}');
-- The currency itself can be used as well.
SELECT test.brief_rules(consume_feature(u(1), 'credits', 3));
SELECT test.brief_rules(consume_feature(u(1), 'image_generation', 2));

-- A price of one user, and of a plan. An unlimited allowance never costs.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, paid_in) VALUES ('user', u(2), 'image_generation', 'cost', 20, 'credits');
SELECT test.brief_rules(consume_feature(u(2), 'image_generation', 2));
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(3), 'image_generation', 'set', NULL);
SELECT test.brief_rules(consume_feature(u(3), 'image_generation', 1000));

-- The currency's own rules: set and add are its allowance, a cap limits what is paid, deny affords nothing.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(4), 'credits', 'add', 5);
SELECT test.brief_rules(check_feature_limit(u(4), 'image_generation', 6));
SELECT test.brief_rules(check_feature_limit(u(4), 'image_generation', 7));
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, per) VALUES ('user', u(4), 'credits', 'cap', 10, 'day');
SELECT test.brief_rules(check_feature_limit(u(4), 'image_generation', 4));
SELECT test.brief_rules(consume_feature(u(4), 'image_generation', 3));
SELECT test.brief_rules(consume_feature(u(4), 'image_generation', 1));
SELECT feature_type, used, drawn FROM usage_counters WHERE user_id = u(4) ORDER BY feature_type, length(period);
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect) VALUES ('user', u(5), 'credits', 'deny');
SELECT test.brief_rules(consume_feature(u(5), 'image_generation', 1));
SELECT test.brief_rules(consume_feature(u(5), 'image_generation', 1));
-- Overage is the currency's; a feature with a cost has none of its own.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(6), 'image_generation', 'overage', NULL), ('user', u(6), 'credits', 'overage', 9);
SELECT test.brief_rules(consume_feature(u(6), 'image_generation', 6));
SELECT test.brief_rules(consume_feature(u(6), 'image_generation', 1));
SELECT feature_type, drawn, overage FROM usage_counters WHERE user_id = u(6) ORDER BY feature_type;

-- Reservations and increments pay as well; credits are never driven below zero.
SELECT (reserve_feature(u(7), 'image_generation', 4) ->> 'reservation_id') AS reservation \gset
SELECT sources #- '{paid,counter_id}' FROM feature_reservations WHERE user_id = u(7);
SELECT credits(7);
SELECT commit_reservation(:'reservation', 2) ->> 'committed';
SELECT credits(7);
SELECT increment_images_generated(u(7), 5, 'current');
SELECT credits(7);
SELECT usage_status(u(7), 'image_generation') #> '{features,image_generation,excess}';
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(8), 'feature_type', 'image_generation', 'amount', 2),
                                      jsonb_build_object('user_id', u(8), 'feature_type', 'credits', 'amount', 1)));
SELECT credits(8);

-- No chains, no price in itself, none in an unknown feature, none without a price.
SELECT test.sqlstate(insert), test.hint(insert) FROM (VALUES
    ('INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in) VALUES (''all'', ''credits'', ''cost'', 1, ''chat'')'),
    ('INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in) VALUES (''all'', ''chat'', ''cost'', 1, ''image_generation'')'),
    ('INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in) VALUES (''all'', ''chat'', ''cost'', 1, ''chat'')'),
    ('INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in) VALUES (''all'', ''chat'', ''cost'', 1, ''coins'')'),
    ('INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in) VALUES (''all'', ''chat'', ''cost'', 0, ''credits'')'),
    ('INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in) VALUES (''all'', ''chat'', ''cost'', NULL, ''credits'')'),
    ('INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES (''all'', ''chat'', ''cost'', 1)'),
    ('INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in) VALUES (''all'', ''chat'', ''set'', 1, ''credits'')'),
    ('INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per, paid_in) VALUES (''all'', ''chat'', ''cost'', 1, ''day'', ''credits'')')
) AS inserts (insert);
-- A chain that was made around the trigger: admissions are refused, what has happened is counted as its own.
ALTER TABLE usage_rules DISABLE TRIGGER usage_rules_refuse_chains;
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, paid_in) VALUES ('user', u(9), 'credits', 'cost', 1, 'chat');
ALTER TABLE usage_rules ENABLE ALWAYS TRIGGER usage_rules_refuse_chains;
SELECT test.outcome('consume_feature(u(9), ''image_generation'')'), test.hint('SELECT consume_feature(u(9), ''image_generation'')');
SELECT test.outcome('check_feature_limit(u(9), ''image_generation'')');
SELECT increment_images_generated(u(9), 3, 'current');
SELECT images_generated, credits FROM feature_usage WHERE user_id = u(9);
DELETE FROM usage_rules WHERE feature_type = 'credits' AND effect = 'cost';
-- A price beyond every counter is not affordable, even without a limit.
UPDATE plan_limits SET credits_limit = NULL;
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, paid_in) VALUES ('user', u(10), 'image_generation', 'cost', 9223372036854775807, 'credits');
SELECT test.brief_rules(consume_feature(u(10), 'image_generation', 3));
\c :home
DROP DATABASE feature_usage_currencies;

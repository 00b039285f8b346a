-- Alerts: written once when a count crosses a threshold, in the transaction that counts.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_usage_alerts
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
-- Takes the alerts of a user.
CREATE FUNCTION alerts(n integer) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(format('%s %s %s at %s of %s%s', feature_type, kind, threshold, usage, coalesce(limit_value::text, 'unlimited'),
                                      CASE WHEN period = '' THEN '' ELSE ' in its period' END), ', ' ORDER BY alert_id), 'none')
      FROM usage_alerts WHERE user_id = u(n)
$$;
UPDATE plan_limits SET insights_limit = 10, chat_messages_daily_limit = NULL;
INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES
    ('all', 'insights', 'warn', 80), ('all', 'insights', 'warn', 100), ('all', 'chat', 'warn', 80);

-- Each threshold once; the highest if several are crossed at once.
SELECT consume_feature(u(1), 'insights', 7) -> 'warning', alerts(1);
SELECT consume_feature(u(1), 'insights', 1) -> 'warning', alerts(1);
SELECT consume_feature(u(1), 'insights', 2) -> 'warning', alerts(1);
SELECT consume_feature(u(2), 'insights', 10) ->> 'allowed', alerts(2);
-- A threshold is rounded up: 80 % of 3 is 3, which is 100 %.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(3), 'insights', 'set', 3);
SELECT consume_feature(u(3), 'insights', 2) ->> 'allowed', alerts(3);
SELECT consume_feature(u(3), 'insights', 1) ->> 'allowed', alerts(3);
-- After an upgrade, the same percentage is news again.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, starts_at) VALUES ('user', u(1), 'insights', 'set', 20, now() + interval '1 microsecond');
SELECT consume_feature(u(1), 'insights', 6) ->> 'allowed', alerts(1);
-- What was released and is counted again is not.
SELECT reserve_feature(u(4), 'insights', 8) ->> 'reservation_id' AS reservation \gset
SELECT alerts(4);
SELECT release_reservation(:'reservation') ->> 'released';
SELECT consume_feature(u(4), 'insights', 8) ->> 'allowed', alerts(4);
-- A lower threshold that is reached after a higher one tells nothing new.
SELECT reserve_feature(u(12), 'insights', 10) ->> 'reservation_id' AS reservation \gset
SELECT release_reservation(:'reservation') ->> 'released', alerts(12);
SELECT consume_feature(u(12), 'insights', 8) ->> 'allowed', alerts(12);
-- A denial, a check and a replay tell nothing; neither does what is unlimited.
SELECT consume_feature(u(5), 'insights', 11) ->> 'allowed', check_feature_limit(u(5), 'insights', 10) ->> 'allowed', alerts(5);
SELECT consume_feature(u(5), 'chat', 1000) ->> 'allowed', alerts(5);
-- Neither does a count that is rolled back: the next one tells.
BEGIN;
SELECT consume_feature(u(6), 'insights', 9) ->> 'allowed', alerts(6);
ROLLBACK;
SELECT alerts(6);
SELECT consume_feature(u(6), 'insights', 9) ->> 'allowed', alerts(6);
-- Increments, batches and larger commits tell as well.
SELECT increment_insights_count(u(7), 8, 'current'), alerts(7);
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(8), 'feature_type', 'insights', 'amount', 9))), alerts(8);
SELECT reserve_feature(u(9), 'insights', 1) ->> 'reservation_id' AS reservation \gset
SELECT commit_reservation(:'reservation', 10) ->> 'committed', alerts(9);

-- Little is left of allowance and grants: once until another grant comes.
INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES ('all', 'voice_seconds', 'low', 500);
UPDATE plan_limits SET voice_seconds_limit = 0;
SELECT grant_usage(u(10), 'voice_seconds', 5000, 'pack 1') ->> 'granted';
SELECT consume_feature(u(10), 'voice_seconds', 4500) ->> 'allowed', alerts(10);
SELECT consume_feature(u(10), 'voice_seconds', 1) ->> 'allowed', alerts(10);
-- Released and reserved around the threshold.
DO $$
DECLARE reservation uuid;
BEGIN
    FOR n IN 1 .. 10 LOOP
        PERFORM release_reservation((reserve_feature(u(10), 'voice_seconds', 10) ->> 'reservation_id')::uuid);
    END LOOP;
END
$$;
SELECT alerts(10);
SELECT grant_usage(u(10), 'voice_seconds', 1000, 'pack 2') ->> 'granted';
SELECT consume_feature(u(10), 'voice_seconds', 999) ->> 'allowed', alerts(10);
SELECT consume_feature(u(10), 'voice_seconds', 1) ->> 'allowed', alerts(10);
SELECT consume_feature(u(10), 'voice_seconds', 499) ->> 'allowed', alerts(10);
-- A currency tells in the call that it pays for.
SELECT add_feature('credits', 'month');
UPDATE plan_limits SET credits_limit = 10;
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in) VALUES ('all', 'image_generation', 'cost', 2, 'credits'),
    ('all', 'credits', 'warn', 80, NULL), ('all', 'credits', 'low', 3, NULL);
UPDATE plan_limits SET image_generation_daily_limit = 0;
SELECT consume_feature(u(11), 'image_generation', 3) ->> 'allowed', alerts(11);
SELECT consume_feature(u(11), 'image_generation', 1) ->> 'allowed', alerts(11);
-- Delivered at least once: whoever delivers it says so.
UPDATE usage_alerts SET handled_at = now() WHERE user_id = u(11) AND handled_at IS NULL;
SELECT count(*) FROM usage_alerts WHERE handled_at IS NULL AND user_id = u(11);
SELECT feature_type, kind, threshold, basis, basis_grant = '00000000-0000-0000-0000-000000000000' AS has_no_grant FROM usage_alerts WHERE user_id = u(11) ORDER BY alert_id;
-- A threshold that is crossed again after usage was given back tells nothing new.
SELECT reserve_feature(u(13), 'credits', 8) ->> 'reservation_id' AS given_back \gset
SELECT release_reservation(:'given_back') ->> 'released', consume_feature(u(13), 'credits', 8) ->> 'allowed', alerts(13);
\c :home
DROP DATABASE feature_usage_usage_alerts;

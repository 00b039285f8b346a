-- Grants, credits and overage where rows are at odds: batches of several users, counts and grants that
-- somebody has corrected or deleted by hand, sources that nobody can have reserved, features that are gone.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_grants_at_odds
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION granted(n integer) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s of %s', used, amount), ', ' ORDER BY source_ref) FROM usage_grants WHERE user_id = u(n)
$$;
CREATE FUNCTION last_month() RETURNS text LANGUAGE sql AS $$ SELECT to_char(now() AT TIME ZONE 'UTC' - interval '1 month', 'YYYY-MM') $$;
CREATE PROCEDURE expired() LANGUAGE sql AS $$ UPDATE feature_reservations SET expires_at = '2001-01-01' WHERE status = 'reserved' $$;
SELECT add_feature('credits', 'month'), add_feature('video', 'month');
UPDATE plan_limits SET insights_limit = 3, voice_seconds_limit = 10, credits_limit = 100, video_limit = 0;

-- A batch of several users draws from each user's own grants.
SELECT grant_usage(u(1), 'insights', 100, 'a', p_priority => 0) ->> 'granted', grant_usage(u(2), 'insights', 100, 'b') ->> 'granted';
SELECT record_usage(jsonb_agg(jsonb_build_object('user_id', u(n), 'feature_type', 'insights', 'amount', 10))) FROM generate_series(1, 3) AS n;
SELECT granted(1), granted(2), (SELECT sum(drawn) FROM usage_counters);
-- A batch gives expired reservations back, as an increment does.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) SELECT 'user', u(n), 'insights', 'overage', 9 FROM generate_series(4, 5) AS n;
SELECT reserve_feature(u(n), 'insights', 3) ->> 'allowed' FROM generate_series(4, 5) AS n;
CALL expired();
SELECT increment_insights_count(u(4), 2, 'current'), record_usage(jsonb_build_array(jsonb_build_object('user_id', u(5), 'feature_type', 'insights', 'amount', 2)));
SELECT right(user_id::text, 1), insights_count, (SELECT sum(overage) FROM usage_counters AS uc WHERE uc.user_id = fu.user_id) FROM feature_usage AS fu WHERE user_id IN (u(4), u(5)) ORDER BY user_id;
-- A new window of a currency that is used directly as well counts the batch once.
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per, paid_in) VALUES ('all', 'video', 'cost', 5, 'period', 'credits'), ('all', 'credits', 'cap', 500, 'total', NULL);
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(6), 'feature_type', 'credits', 'amount', 7), jsonb_build_object('user_id', u(6), 'feature_type', 'video', 'amount', 2)));
SELECT credits, (SELECT used FROM usage_counters WHERE user_id = u(6) AND period = 'total') FROM feature_usage WHERE user_id = u(6);
-- What it gives back of one user stays in the windows of the others, whose keys are the same.
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per) VALUES ('all', 'insights', 'cap', 500, 'total');
SELECT reserve_feature(u(19), 'insights', 3) ->> 'allowed', consume_feature(u(20), 'insights', 3) ->> 'allowed';
CALL expired();
SELECT record_usage(jsonb_agg(jsonb_build_object('user_id', u(n), 'feature_type', 'insights', 'amount', 1))) FROM generate_series(19, 20) AS n;
SELECT insights_count, used FROM feature_usage AS fu JOIN usage_counters AS uc USING (user_id) WHERE user_id IN (u(19), u(20)) AND uc.period = 'total' ORDER BY user_id;
DELETE FROM usage_rules WHERE feature_type = 'insights' AND effect = 'cap';
-- A larger commit that is the first to pay counts in the windows of the currency.
UPDATE plan_limits SET video_limit = 1;
SELECT reserve_feature(u(21), 'video', 1) ->> 'reservation_id' AS reservation \gset
SELECT commit_reservation(:'reservation', 3) ->> 'committed';
SELECT credits, used FROM feature_usage AS fu JOIN usage_counters AS uc USING (user_id) WHERE user_id = u(21) AND uc.period = 'total' AND uc.feature_type = 'credits';
UPDATE plan_limits SET video_limit = 0;

-- A count that is reset, or whose row is deleted, is covered by the allowance again, and no further.
SELECT grant_usage(u(7), 'insights', 9, 'e') ->> 'granted', consume_feature(u(7), 'insights', 12) -> 'drawn';
UPDATE feature_usage SET insights_count = 0 WHERE user_id = u(7);
SELECT usage_status(u(7), 'insights') #> '{features,insights,remaining}', consume_feature(u(7), 'insights', 4) ->> 'error_code';
SELECT consume_feature(u(7), 'insights', 3) -> 'sources', consume_feature(u(7), 'insights', 1) ->> 'error_code';
DELETE FROM feature_usage WHERE user_id = u(7);
SELECT usage_status(u(7), 'insights') #> '{features,insights,remaining}', consume_feature(u(7), 'insights', 4) ->> 'error_code', consume_feature(u(7), 'insights', 3) ->> 'allowed';
-- A grant whose use is corrected gives no more back than there is.
SELECT grant_usage(u(8), 'insights', 10, 'g') ->> 'granted', reserve_feature(u(8), 'insights', 8) ->> 'allowed';
UPDATE usage_grants SET used = 0 WHERE source_ref = 'g';
CALL expired();
SELECT usage_status(u(8), 'insights') #> '{features,insights,remaining}', expire_reservations(), granted(8);
-- One that is deleted covers nothing more.
SELECT consume_feature(u(8), 'insights', 5) -> 'drawn';
DELETE FROM usage_grants WHERE source_ref = 'g';
SELECT consume_feature(u(8), 'insights', 1) ->> 'error_code';

-- A grant that an expired reservation of another period holds whole.
SELECT grant_usage(u(9), 'insights', 10, 'h') ->> 'granted', reserve_feature(u(9), 'insights', 13) ->> 'allowed';
UPDATE feature_usage SET period = last_month() WHERE user_id = u(9);
UPDATE usage_counters SET period = last_month() WHERE user_id = u(9);
UPDATE feature_reservations SET period = last_month() WHERE user_id = u(9);
CALL expired();
SELECT usage_status(u(9), 'insights') #> '{features,insights,remaining}';
SELECT test.brief_rules(consume_feature(u(9), 'insights', 13));

-- What was carried over of a period is no allowance of it, whoever counts there, in a currency either.
SELECT carry_over_usage(u(10), 'voice_seconds', last_month(), 10) -> 'carried';
SELECT check_feature_limit(u(10), 'voice_seconds', 0, last_month()) -> 'remaining';
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(10), 'feature_type', 'voice_seconds', 'amount', 4, 'period', last_month())));
SELECT increment_voice_seconds(u(10), 4, last_month()), granted(10);
SELECT reserve_feature(u(11), 'video', 10) ->> 'reservation_id' AS reservation \gset
UPDATE feature_usage SET period = last_month() WHERE user_id = u(11);
UPDATE usage_counters SET period = last_month() WHERE user_id = u(11) AND period <> 'total';
UPDATE feature_reservations SET period = last_month(), sources = jsonb_set(sources, '{paid,period}', to_jsonb(last_month())) WHERE user_id = u(11);
CALL expired();
SELECT expire_reservations(), carry_over_usage(u(11), 'credits', last_month(), 1000) -> 'carried';
SELECT commit_reservation(:'reservation') -> 'late', granted(11);
-- Only periods of the user can be carried over.
SELECT add_feature('billed', 'billing_month');
SELECT test.outcome(format('carry_over_usage(u(10), ''billed'', ''2020-01-%s/P1M'', 1, NULL, 5)', day)) FROM unnest('{01,02}'::text[]) AS day;

-- A row of a currency that replaced a deleted one gives nothing back.
SELECT reserve_feature(u(12), 'video', 10) ->> 'reservation_id' AS reservation \gset
DELETE FROM feature_usage WHERE user_id = u(12);
SELECT consume_feature(u(12), 'video', 19) ->> 'allowed', reserve_feature(u(12), 'video', 1) ->> 'allowed';
SELECT release_reservation(:'reservation') ->> 'released', consume_feature(u(12), 'video', 1) ->> 'error_code';
-- Nobody gives back to, or draws from, somebody else's grant, whatever a reservation's sources say.
SELECT grant_usage(u(13), 'insights', 10, 'mine') ->> 'granted', consume_feature(u(13), 'insights', 13) -> 'drawn';
SELECT grant_usage(u(14), 'insights', 10, 'theirs') ->> 'grant_id' AS theirs \gset
SELECT consume_feature(u(14), 'insights', 8) -> 'drawn';
INSERT INTO feature_reservations (user_id, feature_type, period, amount, status, expires_at, sources)
SELECT u(13), 'insights', usage_period(u(13), 'insights') ->> 'period', 4, 'reserved', '2001-01-01', jsonb_build_object('grants', jsonb_build_array(jsonb_build_array(:'theirs', 4)));
UPDATE feature_usage SET has_reservations = true WHERE user_id = u(13);
SELECT test.brief_rules(consume_feature(u(13), 'insights', 5)), granted(13), granted(14);
-- Sources that cannot have been are taken for the allowance.
CREATE FUNCTION forge(written text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    reservation constant uuid = reserve_feature(u(15), 'insights', 2) ->> 'reservation_id';
BEGIN
    UPDATE feature_reservations SET sources = written::jsonb WHERE reservation_id = reservation;
    RETURN format('%s, %s left', release_reservation(reservation) ->> 'released', usage_status(u(15), 'insights') #>> '{features,insights,remaining}');
END
$$;
SELECT written, forge(written) FROM (VALUES
    ('null'), ('[]'), ('{"grants": 1}'), ('{"grants": [["x", 1]]}'), ('{"overage": -5}'), ('{"overage": -9223372036854775808}'), ('{"overage": 9}'),
    ('{"grants": [["00000000-0000-0000-0000-000000000001", 1]]}'), ('{"paid": {}}'), ('{"paid": {"in": "nope", "period": "x", "units": 1, "cost": 5}}'),
    ('{"paid": {"in": "credits", "period": "2025-02", "units": -9223372036854775808, "cost": 5}}'), ('{"paid": {"in": "credits", "period": "2025-02", "units": 1, "cost": -5}}')
) AS w (written);

-- A feature that is gone gives back what it was paid with.
SELECT grant_usage(u(16), 'credits', 50, 'p') ->> 'granted', consume_feature(u(16), 'credits', 100) ->> 'allowed', reserve_feature(u(16), 'video', 10) ->> 'allowed';
DELETE FROM usage_rules WHERE feature_type = 'video';
DELETE FROM usage_features WHERE feature_type = 'video';
CALL expired();
SELECT expire_reservations() > 0, granted(16);

-- What is left now is not judged by another period.
INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES ('all', 'voice_seconds', 'low', 3);
SELECT increment_voice_seconds(u(17), 9, last_month());
SELECT count(*) FROM usage_alerts WHERE user_id = u(17);
SELECT increment_voice_seconds(u(17), 9, 'current');
SELECT kind, usage FROM usage_alerts WHERE user_id = u(17);
-- A bigint counter that is full is an error.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect) VALUES ('user', u(18), 'credits', 'set');
INSERT INTO feature_usage (user_id, period, credits) SELECT u(18), usage_period(u(18), 'credits') ->> 'period', 9223372036854775800;
SELECT test.outcome('consume_feature(u(18), ''credits'', 8)'), test.outcome('(SELECT increment_credits(u(18), 8, ''current''))');
SELECT credits FROM feature_usage WHERE user_id = u(18);
SELECT test.outcome('grant_usage(u(0), ''chat'', 1, ''nobody'')');
\c :home
DROP DATABASE feature_usage_grants_at_odds;

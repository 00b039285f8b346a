-- The ledger: what was added to each counter of a logged feature, and why; reports of it; and corrections.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_usage_ledger
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION entries(n integer, OUT kind text, OUT feature text, OUT amount bigint, OUT overage bigint, OUT sources text) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT ul.kind, ul.feature_type || CASE ul.period WHEN '' THEN ' (no period)' ELSE '' END, ul.amount, ul.overage,
           regexp_replace((ul.sources #- '{paid,period}')::text, '[0-9a-f-]{36}', 'a grant', 'g')
      FROM usage_ledger AS ul WHERE ul.user_id = u(n) ORDER BY ul.entry_id
$$;
SELECT add_feature('credits', 'month'), add_feature('video', 'month');
-- Counters that the ledger does not explain.
CREATE VIEW unexplained AS
SELECT fu.user_id, fu.period, c.feature_type, c.count, sum(ul.amount) AS entered
  FROM feature_usage AS fu CROSS JOIN LATERAL (VALUES ('insights', fu.insights_count), ('video', fu.video), ('credits', fu.credits), ('voice_seconds', fu.voice_seconds)) AS c (feature_type, count)
  LEFT JOIN usage_ledger AS ul ON ul.user_id = fu.user_id AND ul.period = fu.period AND ul.feature_type = c.feature_type
 GROUP BY 1, 2, 3, 4 HAVING c.count <> coalesce(sum(ul.amount), 0);
UPDATE plan_limits SET insights_limit = 3, voice_seconds_limit = 1000, credits_limit = 12, video_limit = 1, chat_messages_daily_limit = 100;

-- A rule logs a feature for everybody, and nothing else does.
\set VERBOSITY terse
INSERT INTO usage_rules (applies_to, plan_id, feature_type, effect) VALUES ('plan', 'free', 'chat', 'log');
INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES ('all', 'chat', 'log', -1);
\set VERBOSITY default
INSERT INTO usage_rules (applies_to, feature_type, effect, amount) SELECT 'all', f, 'log', 365 FROM unnest('{insights,credits,video,voice_seconds}'::text[]) AS f;
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in) VALUES ('all', 'video', 'cost', 5, 'credits');
SELECT consume_feature(u(1), 'chat', 1) ->> 'allowed';
SELECT count(*) FROM usage_ledger;

-- Each counter that changes has its entry, with the sources; a denial, a replay and a check have none.
SELECT grant_usage(u(1), 'insights', 9, 'pack') ->> 'granted', grant_usage(u(1), 'insights', 9, 'pack') ->> 'replayed';
SELECT consume_feature(u(1), 'insights', 5, 'a key', p_metadata => '{"model": "m", "tokens": [1, 2.5, 1e20]}') ->> 'allowed', consume_feature(u(1), 'insights', 5, 'a key', p_metadata => '{"other": true}') ->> 'replayed';
SELECT consume_feature(u(1), 'insights', 99) ->> 'error_code', check_feature_limit(u(1), 'insights', 1) ->> 'allowed', consume_feature(u(1), 'insights', 0) ->> 'allowed';
SELECT reserve_feature(u(1), 'video', 3, '1 hour', 'r', p_metadata => '{"job": 7}') ->> 'reservation_id' AS reservation \gset
SELECT commit_reservation(:'reservation', 2) ->> 'committed', commit_reservation(:'reservation', 2) ->> 'committed';
SELECT reserve_feature(u(1), 'insights', 4) ->> 'reservation_id' AS released \gset
SELECT release_reservation(:'released') ->> 'released', increment_insights_count(u(1), 1, 'current'), record_usage(jsonb_build_array(
    jsonb_build_object('user_id', u(1), 'feature_type', 'insights', 'amount', 1, 'idempotency_key', 'e'),
    jsonb_build_object('user_id', u(1), 'feature_type', 'voice_seconds', 'amount', 2), jsonb_build_object('user_id', u(1), 'feature_type', 'voice_seconds', 'amount', 3)));
SELECT void_grant('pack') ->> 'voided', void_grant('pack') ->> 'replayed';
SELECT * FROM entries(1);
SELECT kind, idempotency_key, metadata, reservation_id = :'reservation', at <= clock_timestamp() AND at > now() - interval '1 minute' FROM usage_ledger
 WHERE idempotency_key IS NOT NULL OR metadata IS NOT NULL OR reservation_id = :'reservation' ORDER BY entry_id;
-- More than was reserved, what expired before, and a commit after that.
SELECT reserve_feature(u(2), 'insights', 2) ->> 'reservation_id' AS larger \gset
SELECT commit_reservation(:'larger', 3) ->> 'committed';
SELECT reserve_feature(u(3), 'insights', 2) ->> 'reservation_id' AS late \gset
UPDATE feature_reservations SET expires_at = '2001-01-01' WHERE reservation_id = :'late';
SELECT consume_feature(u(3), 'insights', 3) ->> 'allowed', commit_reservation(:'late') ->> 'late';
SELECT reserve_feature(u(4), 'video', 2) ->> 'allowed';
UPDATE feature_reservations SET expires_at = '2001-01-01' WHERE user_id = u(4);
SELECT expire_reservations();
SELECT * FROM entries(2);
SELECT * FROM entries(3);
SELECT * FROM entries(4);
SELECT * FROM unexplained;
-- Overage is said; what a transaction rolls back is not.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(5), 'insights', 'overage', 10);
SELECT consume_feature(u(5), 'insights', 5) ->> 'overage';
BEGIN;
SELECT consume_feature(u(5), 'insights', 5) ->> 'overage';
ROLLBACK;
SELECT * FROM entries(5);

-- Correcting: overage first, then the allowance; not what grants covered, nor what reservations hold.
SELECT grant_usage(u(6), 'insights', 9, 'six') ->> 'granted', consume_feature(u(6), 'insights', 12) -> 'drawn';
SELECT correct_usage(u(6), 'insights', -4, 'a mistake') - 'period';
SELECT correct_usage(u(6), 'insights', -3, 'a mistake') - 'period';
SELECT usage_status(u(6), 'insights') #> '{features,insights,remaining}';
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(7), 'voice_seconds', 'overage', 5000);
SELECT consume_feature(u(7), 'voice_seconds', 1500) -> 'overage';
SELECT correct_usage(u(7), 'voice_seconds', -600, 'twice', p_idempotency_key => 'once') - 'period', correct_usage(u(7), 'voice_seconds', -600, 'twice', p_idempotency_key => 'once') ->> 'replayed';
SELECT correct_usage(u(7), 'voice_seconds', -500, 'twice', p_idempotency_key => 'once') - 'period';
SELECT reserve_feature(u(7), 'voice_seconds', 90) ->> 'allowed', correct_usage(u(7), 'voice_seconds', -901, 'all') ->> 'error_code', correct_usage(u(7), 'voice_seconds', -900, 'all') -> 'current_usage';
SELECT kind, amount, overage, idempotency_key, metadata FROM usage_ledger WHERE user_id = u(7) ORDER BY entry_id;
-- What a currency has counted for another feature stays, and so does what it holds for a reservation.
SELECT consume_feature(u(8), 'video', 2) ->> 'allowed', reserve_feature(u(8), 'video', 1) ->> 'allowed', correct_usage(u(8), 'video', -2, 'x') ->> 'error_code', correct_usage(u(8), 'credits', -6, 'x') ->> 'error_code';
SELECT correct_usage(u(8), 'credits', -5, 'x') -> 'current_usage', correct_usage(u(8), 'video', -1, 'x') -> 'current_usage';
-- More, of any period, and of a feature without rules.
SELECT correct_usage(u(9), 'insights', 7, 'forgotten', '2025-01') - 'period', correct_usage(u(9), 'insights', -1, 'x', '2025-02') ->> 'error_code', correct_usage(u(9), 'therai_calls', 2, 'x') -> 'current_usage', correct_usage(u(9), 'therai_calls', -2, 'x') -> 'current_usage', correct_usage(u(9), 'therai_calls', 0, 'x') -> 'current_usage';
SELECT period FROM feature_usage WHERE user_id = u(9) ORDER BY period LIMIT 1;
SELECT reserve_feature(u(9), 'therai_calls', 3) ->> 'allowed', correct_usage(u(9), 'therai_calls', -1, 'x') ->> 'error_code';
UPDATE feature_reservations SET expires_at = '2001-01-01' WHERE user_id = u(9);
SELECT correct_usage(u(9), 'therai_calls', -1, 'x') -> 'current_usage';
SELECT test.outcome('correct_usage(NULL, ''insights'', 1, ''x'')'), test.outcome('correct_usage(u(9), ''insights'', NULL, ''x'')'), test.outcome('correct_usage(u(9), ''insights'', 1, NULL)');
SELECT test.outcome('correct_usage(u(9), ''insights'', 1, '' '')'), test.outcome('correct_usage(u(9), ''nothing'', 1, ''x'')'), test.outcome('correct_usage(u(9), ''insights'', 1, ''x'', ''2025-01-01'')');
SELECT test.outcome('correct_usage(u(9), ''insights'', 9223372036854775807, ''x'')'), test.outcome('correct_usage(u(9), ''insights'', -9223372036854775808, ''x'')'), test.outcome('correct_usage(u(9), ''insights'', 1, ''x'', p_idempotency_key => '''')');
SELECT * FROM unexplained;

-- Reports: by day of the ledger, by period of the counters.
UPDATE usage_ledger SET at = '2025-01-31 23:59:50+00' WHERE user_id = u(1) AND kind = 'reserve';
UPDATE usage_ledger SET at = '2025-02-01 00:00:00+00' WHERE user_id = u(1) AND kind IN ('commit', 'grant');
SELECT bucket AT TIME ZONE 'UTC', feature_type, right(user_id::text, 1), amount, overage, entries FROM usage_report('2025-01-01', '2025-03-01');
SET timezone = 'Asia/Kolkata';
SELECT bucket AT TIME ZONE 'UTC', feature_type, amount FROM usage_report('2025-01-31 23:59:50+00', '2025-02-01 00:00:00+00', 'hour');
SELECT bucket AT TIME ZONE 'UTC', feature_type, amount, entries FROM usage_report('2025-01-01', '2025-03-01', 'month', 'credits', u(1));
RESET timezone;
SELECT bucket AT TIME ZONE 'UTC', feature_type, right(user_id::text, 1), amount, overage, entries FROM usage_report('2025-01-01+00', '2025-01-01 00:00:01+00', 'period');
SELECT bucket = date_trunc('month', now(), 'UTC'), feature_type, amount, overage FROM usage_report(now() - interval '40 days', now(), 'period', NULL, u(7));
-- Every kind of period has its bucket, and keys that are none have none.
SELECT add_feature('k_' || kind, kind) FROM unnest('{hour,day,week,year,total,billing_week,billing_month,billing_year}'::text[]) AS kind;
INSERT INTO feature_usage (user_id, period, k_hour, k_day, k_week, k_year, k_total, k_billing_week, k_billing_month, k_billing_year)
SELECT u(10), key, 1, 1, 1, 1, 1, 1, 1, 1 FROM unnest('{2025-02-10T14,2025-02-10,2025-W07,2025,total,2025-02-09/P1W,2025-01-31/P1M,2024-02-29/P1Y,2025-99,2025-99-99,0000,junk,2025-02-31}'::text[]) AS key;
SELECT feature_type, bucket AT TIME ZONE 'UTC', amount FROM usage_report('-infinity', 'infinity', 'period', NULL, u(10)) ORDER BY 1, 2;
SELECT test.outcome('(SELECT count(*) FROM usage_report(NULL, now()))'), test.outcome('(SELECT count(*) FROM usage_report(now(), NULL))'), test.outcome('(SELECT count(*) FROM usage_report(now(), now(), NULL))');
SELECT test.outcome('(SELECT count(*) FROM usage_report(now(), now(), ''week''))'), test.outcome('(SELECT count(*) FROM usage_report(now(), now() - interval ''1 s''))'), test.outcome('(SELECT count(*) FROM usage_report(now(), now(), ''day'', ''nothing''))');
SELECT test.outcome('(SELECT count(*) FROM usage_report(now() - interval ''401 days'', now(), ''hour''))'), test.outcome('(SELECT count(*) FROM usage_report(''-infinity'', ''infinity'', ''hour''))'), test.outcome('(SELECT count(*) FROM usage_report(now() - interval ''400 days'', now(), ''hour'', ''chat''))');

-- Entries go by the days of the rule, and those of a rule without days stay.
UPDATE usage_rules SET ends_at = now() WHERE feature_type = 'credits' AND effect = 'log';
INSERT INTO usage_rules (applies_to, feature_type, effect, starts_at) VALUES ('all', 'credits', 'log', now() + interval '1 us');
SELECT pg_sleep(0.001);
SELECT feature_type, count(*) FROM usage_ledger WHERE at < '2025-03-01' GROUP BY 1 ORDER BY 1;
SELECT prune_feature_usage();
SELECT feature_type, count(*) FROM usage_ledger WHERE at < '2025-03-01' GROUP BY 1 ORDER BY 1;
-- A trigger that suppresses an entry would have the ledger lie.
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER suppress BEFORE INSERT ON usage_ledger FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT test.outcome('consume_feature(u(11), ''insights'')');
SELECT count(*) FROM feature_usage WHERE user_id = u(11);
DROP TRIGGER suppress ON usage_ledger;

-- Overage that is given back has its sign, and an entry says what the counter was given back: less, if somebody had lowered it.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount) VALUES ('user', u(12), 'insights', 'overage', 10);
SELECT reserve_feature(u(12), 'insights', 5) ->> 'reservation_id' AS beyond \gset
SELECT release_reservation(:'beyond') ->> 'released';
SELECT reserve_feature(u(12), 'insights', 4) ->> 'reservation_id' AS lowered \gset
UPDATE feature_usage SET insights_count = 1 WHERE user_id = u(12);
SELECT release_reservation(:'lowered') ->> 'released';
SELECT * FROM entries(12);

-- Entries go by the days of their rule, whether it is longer or shorter than what else is pruned, and not by one that begins later.
UPDATE usage_rules SET amount = CASE feature_type WHEN 'insights' THEN 3 ELSE 30 END WHERE effect = 'log' AND feature_type IN ('insights', 'video');
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, starts_at) VALUES ('all', 'video', 'log', 1, now() + interval '1 hour');
INSERT INTO usage_ledger (user_id, feature_type, period, kind, amount, at)
SELECT u(13), feature_type, '', 'grant', 0, now() - make_interval(days => days) FROM unnest('{insights,video}'::text[]) AS feature_type, unnest('{2,4,29,31}'::integer[]) AS days;
SELECT prune_feature_usage() -> 'entries';
SELECT feature_type, round(extract(epoch FROM now() - at) / 86400) AS days FROM usage_ledger WHERE user_id = u(13) ORDER BY 1, 2;
-- A rule that is over logs nothing, and neither does one that begins later. A currency has a rule of its own.
SELECT reserve_feature(u(14), 'insights', 1) ->> 'reservation_id' AS unlogged \gset
UPDATE usage_rules SET ends_at = now() WHERE effect = 'log' AND feature_type = 'insights';
INSERT INTO usage_rules (applies_to, feature_type, effect, starts_at) VALUES ('all', 'insights', 'log', now() + interval '1 hour');
SELECT release_reservation(:'unlogged') ->> 'released', grant_usage(u(14), 'insights', 9, 'unlogged') ->> 'granted', correct_usage(u(14), 'insights', 1, 'x') ->> 'corrected', consume_feature(u(14), 'insights', 1) ->> 'allowed';
UPDATE usage_rules SET ends_at = now() WHERE effect = 'log' AND feature_type = 'credits' AND ends_at IS NULL;
SELECT consume_feature(u(14), 'video', 2) ->> 'allowed';
SELECT * FROM entries(14);
\c :home
DROP DATABASE feature_usage_usage_ledger;

-- record_usage: counts a batch of usage events, all or none, without checking limits.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_record
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
UPDATE plan_limits SET insights_limit = 0;
CREATE VIEW counts AS
    SELECT right(user_id::text, 1) AS user, period, voice_seconds AS voice, insights_count AS insights, therai_calls AS therai, chat_messages AS chat, images_generated AS images
      FROM feature_usage ORDER BY user_id, period COLLATE "C";

-- Events of several users, features and periods. Those of one counter are added up, and those of one
-- row are one update. It returns how many were counted.
SELECT record_usage(p_events => '[
    {"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat", "amount": 1, "period": "2025-02-10"},
    {"user_id": "00000000-0000-0000-0000-000000000002", "feature_type": "chat", "amount": 2, "period": "2025-02-10"},
    {"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "image_generation", "amount": 4, "period": "2025-02-10"},
    {"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat", "amount": 8, "period": "2025-02-10"},
    {"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "insights", "amount": 16, "period": "2025-02"},
    {"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat", "amount": 32, "period": "2025-02-11"}]');
TABLE counts;
-- They are added to existing counts.
SELECT record_usage(jsonb_build_array(
    jsonb_build_object('user_id', :user, 'feature_type', 'chat', 'amount', 1, 'period', '2025-02-10'),
    jsonb_build_object('user_id', :user, 'feature_type', 'voice_seconds', 'amount', 1, 'period', '2025-02')));
TABLE counts;
-- A period that is current, blank, null or left out is the current one. A retry may write it differently.
BEGIN;
SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS today \gset
SELECT record_usage('[
    {"user_id": "00000000-0000-0000-0000-000000000007", "feature_type": "chat", "amount": 1, "period": "current"},
    {"user_id": "00000000-0000-0000-0000-000000000007", "feature_type": "chat", "amount": 2, "period": ""},
    {"user_id": "00000000-0000-0000-0000-000000000007", "feature_type": "chat", "amount": 4, "period": null},
    {"user_id": "00000000-0000-0000-0000-000000000007", "feature_type": "chat", "amount": 8, "period": "current", "idempotency_key": "c"},
    {"user_id": "00000000-0000-0000-0000-000000000007", "feature_type": "insights", "amount": 16, "period": "current"}]');
SELECT record_usage('[{"user_id": "00000000-0000-0000-0000-000000000007", "feature_type": "chat", "amount": 8, "idempotency_key": "c"}]');
SELECT CASE period WHEN :'today' THEN 'today' WHEN left(:'today', 7) THEN 'this month' END, chat, insights FROM counts WHERE "user" = '7';
ROLLBACK;
-- An empty batch does nothing. An amount of 0 counts as an event, but inserts no row.
SELECT record_usage('[]');
SELECT record_usage('[{"user_id": "00000000-0000-0000-0000-000000000003", "feature_type": "chat", "amount": 0, "period": "2025-02-10"}]');
SELECT count(*) FROM counts WHERE "user" = '3';
-- A missing, null or blank period is the current one, in UTC.
SET TIME ZONE 'Pacific/Kiritimati';
SELECT record_usage('[
    {"user_id": "00000000-0000-0000-0000-000000000004", "feature_type": "insights", "amount": 1},
    {"user_id": "00000000-0000-0000-0000-000000000004", "feature_type": "insights", "amount": 2, "period": null, "idempotency_key": null},
    {"user_id": "00000000-0000-0000-0000-000000000004", "feature_type": "insights", "amount": 4, "period": ""},
    {"user_id": "00000000-0000-0000-0000-000000000004", "feature_type": "insights", "amount": 8, "period": "  "}]');
SELECT period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'), insights FROM counts WHERE "user" = '4';
RESET TIME ZONE;
-- A uuid in capitals, or without dashes, is the same user; user-defined features count too.
SELECT add_feature('video_minutes', 'month');
SELECT record_usage('[
    {"user_id": "ABCDEF00-0000-0000-0000-000000000005", "feature_type": "video_minutes", "amount": 1, "period": "2025-02"},
    {"user_id": "abcdef00000000000000000000000005", "feature_type": "video_minutes", "amount": 2, "period": "2025-02"}]');
SELECT user_id, video_minutes FROM feature_usage WHERE video_minutes > 0;

-- Idempotency keys: an event is counted once, in this batch or an earlier one, whatever else is in the
-- batch. Each user has their own.
SELECT record_usage('[
    {"user_id": "00000000-0000-0000-0000-000000000006", "feature_type": "chat", "amount": 1, "period": "2025-02-10", "idempotency_key": "a"},
    {"user_id": "00000000-0000-0000-0000-000000000006", "feature_type": "chat", "amount": 1, "period": "2025-02-10", "idempotency_key": "a"},
    {"user_id": "00000000-0000-0000-0000-000000000007", "feature_type": "chat", "amount": 1, "period": "2025-02-10", "idempotency_key": "a"},
    {"user_id": "00000000-0000-0000-0000-000000000006", "feature_type": "chat", "amount": 1, "period": "2025-02-10"}]');
SELECT record_usage('[
    {"user_id": "00000000-0000-0000-0000-000000000006", "feature_type": "chat", "amount": 1, "period": "2025-02-10", "idempotency_key": "a"},
    {"user_id": "00000000-0000-0000-0000-000000000006", "feature_type": "chat", "amount": 4, "period": "2025-02-10", "idempotency_key": "b"}]');
SELECT "user", chat FROM counts WHERE "user" IN ('6', '7');
SELECT right(user_id::text, 1), operation, key, arguments, result FROM feature_idempotency_keys ORDER BY user_id, key;
-- A different event under a used idempotency key, in this batch or a later one, is an error; nothing is
-- counted.
SELECT record_usage('[
    {"user_id": "00000000-0000-0000-0000-000000000006", "feature_type": "chat", "amount": 1, "period": "2025-02-10"},
    {"user_id": "00000000-0000-0000-0000-000000000006", "feature_type": "chat", "amount": 2, "period": "2025-02-10", "idempotency_key": "a"}]');
\echo :LAST_ERROR_SQLSTATE
SELECT record_usage('[
    {"user_id": "00000000-0000-0000-0000-000000000006", "feature_type": "chat", "amount": 1, "period": "2025-02-10", "idempotency_key": "c"},
    {"user_id": "00000000-0000-0000-0000-000000000006", "feature_type": "chat", "amount": 1, "period": "2025-02-11", "idempotency_key": "c"}]');
\echo :LAST_ERROR_SQLSTATE
SELECT record_usage('[{"user_id": "00000000-0000-0000-0000-000000000006", "feature_type": "chat", "amount": 1, "idempotency_key": "a"}]');
\echo :LAST_ERROR_SQLSTATE
SELECT "user", chat FROM counts WHERE "user" IN ('6', '7');
SELECT count(*) FROM feature_idempotency_keys;

-- A count that does not fit, with existing usage or within the batch: the error names the event,
-- nothing is counted.
SELECT record_usage('[
    {"user_id": "00000000-0000-0000-0000-000000000008", "feature_type": "chat", "amount": 2147483647, "period": "2025-02-10"}]');
SELECT record_usage('[
    {"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat", "amount": 5, "period": "2025-02-10"},
    {"user_id": "00000000-0000-0000-0000-000000000008", "feature_type": "chat", "amount": 1, "period": "2025-02-10"}]');
\echo :LAST_ERROR_SQLSTATE
SELECT record_usage('[
    {"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat", "amount": 2147483647, "period": "2025-02-12"},
    {"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "insights", "amount": 1, "period": "2025-02"},
    {"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat", "amount": 1, "period": "2025-02-12"}]');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM counts WHERE "user" IN ('1', '8');
-- Many events at once.
SELECT record_usage(jsonb_agg(jsonb_build_object('user_id', '00000000-0000-0000-0000-' || lpad((n % 100)::text, 12, '0'), 'feature_type',
           CASE n % 2 WHEN 0 THEN 'chat' ELSE 'image_generation' END, 'amount', 1, 'period', '2025-03-0' || n % 9 + 1)))
  FROM generate_series(1, 10000) AS n;
SELECT count(*), sum(chat_messages), sum(images_generated) FROM feature_usage WHERE period LIKE '2025-03%';
-- A rolled back batch counts nothing; a READ ONLY transaction cannot count.
BEGIN;
SELECT record_usage('[{"user_id": "00000000-0000-0000-0000-000000000009", "feature_type": "chat", "amount": 1, "period": "2025-02-10", "idempotency_key": "a"}]');
ROLLBACK;
SELECT count(*) FROM counts WHERE "user" = '9' AND period = '2025-02-10';
BEGIN READ ONLY;
SELECT record_usage('[{"user_id": "00000000-0000-0000-0000-000000000009", "feature_type": "chat", "amount": 1, "period": "2025-02-10"}]');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
\c :home
DROP DATABASE feature_usage_record;

-- record_usage with bad input: the error names the event, and nothing of the batch is counted.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_bad_record
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
SELECT pg_backend_pid() AS backend, test.fingerprint() AS before \gset
-- Values that are not a batch.
SELECT record_usage(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT record_usage('{}');
\echo :LAST_ERROR_SQLSTATE
SELECT batch, test.outcome(format('SELECT record_usage(%L)', batch)) AS answer
  FROM (VALUES
    (1, 'null'),
    (2, '"[]"'),
    (3, '1'),
    (4, 'true'),
    (5, '{"user_id": "00000000-0000-0000-0000-000000000001"}'),
    (6, '{"0": []}'),
    (7, '1e400'),
    (8, ''),
    (9, '['),
    (10, '[{]'),
    (11, '[NaN]'),
    (12, E'["\\u0000"]')
  ) AS bad (n, batch) ORDER BY n;

-- Invalid events, each as the second after a valid one, which is not counted either. $ stands for the
-- user and feature of the valid event.
\set good '{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat", "amount": 1, "period": "2025-02-10"}'
SELECT record_usage('[{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat", "amount": 1, "period": "2025-02-10"}, {"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat"}]');
\echo :LAST_ERROR_SQLSTATE
CREATE TEMP TABLE bad (n serial, input text, event text);
INSERT INTO bad (input, event) VALUES
    ('null',                        'null'),
    ('a string',                    '"chat"'),
    ('a number',                    '1'),
    ('an array',                    '[]'),
    ('an event in an array',        '[{$, "amount": 1}]'),
    ('empty',                       '{}'),
    ('no user',                     '{"feature_type": "chat", "amount": 1}'),
    ('user: null',                  '{"user_id": null, "feature_type": "chat", "amount": 1}'),
    ('user: a number',              '{"user_id": 1, "feature_type": "chat", "amount": 1}'),
    ('user: empty',                 '{"user_id": "", "feature_type": "chat", "amount": 1}'),
    ('user: not a uuid',            '{"user_id": "me", "feature_type": "chat", "amount": 1}'),
    ('user: a space after',         '{"user_id": "00000000-0000-0000-0000-000000000001 ", "feature_type": "chat", "amount": 1}'),
    ('user: too long',              '{"user_id": "00000000-0000-0000-0000-0000000000012", "feature_type": "chat", "amount": 1}'),
    ('user: SQL',                   '{"user_id": "''; DROP TABLE feature_usage; --", "feature_type": "chat", "amount": 1}'),
    ('no feature',                  '{"user_id": "00000000-0000-0000-0000-000000000001", "amount": 1}'),
    ('feature: null',               '{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": null, "amount": 1}'),
    ('feature: an array',           '{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": ["chat"], "amount": 1}'),
    ('feature: unknown',            '{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "videos", "amount": 1}'),
    ('feature: upper case',         '{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "CHAT", "amount": 1}'),
    ('feature: empty',              '{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "", "amount": 1}'),
    ('feature: its column',         '{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat_messages", "amount": 1}'),
    ('no amount',                   '{$}'),
    ('amount: null',                '{$, "amount": null}'),
    ('amount: a string',            '{$, "amount": "1"}'),
    ('amount: true',                '{$, "amount": true}'),
    ('amount: an object',           '{$, "amount": {}}'),
    ('amount: negative',            '{$, "amount": -1}'),
    ('amount: very negative',       '{$, "amount": -99999999999999999999}'),
    ('amount: a fraction',          '{$, "amount": 1.5}'),
    ('amount: a negative fraction', '{$, "amount": -0.5}'),
    ('amount: a tiny fraction',     '{$, "amount": 1e-400}'),
    ('amount: 2147483648',          '{$, "amount": 2147483648}'),
    ('amount: a long',              '{$, "amount": 9223372036854775808}'),
    ('amount: 400 digits',          format('{$, "amount": %s}', repeat('9', 400))),
    ('amount: 1e400',               '{$, "amount": 1e400}'),
    ('amount: -1e400',              '{$, "amount": -1e400}'),
    ('period: a number',            '{$, "amount": 1, "period": 2025}'),
    ('period: an object',           '{$, "amount": 1, "period": {}}'),
    ('period: a month',             '{$, "amount": 1, "period": "2025-02"}'),
    ('period: no such day',         '{$, "amount": 1, "period": "2026-11-31"}'),
    ('period: capitals',            '{$, "amount": 1, "period": "CURRENT"}'),
    ('period: 30 February',         '{$, "amount": 1, "period": "2025-02-30"}'),
    ('period: a time',              '{$, "amount": 1, "period": "2025-02-10T00:00:00Z"}'),
    ('period: words',               '{$, "amount": 1, "period": "today"}'),
    ('period: a space after',       '{$, "amount": 1, "period": "2025-02-10 "}'),
    ('period: 10 kB',               format('{$, "amount": 1, "period": "%s"}', repeat('2025-02-10', 1000))),
    ('key: a number',               '{$, "amount": 1, "idempotency_key": 1}'),
    ('key: an array',               '{$, "amount": 1, "idempotency_key": ["k"]}'),
    ('key: empty',                  '{$, "amount": 1, "idempotency_key": ""}'),
    ('key: 256 bytes',              format('{$, "amount": 1, "idempotency_key": "%s"}', repeat('x', 256))),
    ('key: 128 of 2 bytes',         format('{$, "amount": 1, "idempotency_key": "%s"}', repeat(U&'\0439', 128))),
    ('key: a NUL',                  '{$, "amount": 1, "idempotency_key": "\u0000"}'),
    ('key: half a surrogate',       '{$, "amount": 1, "idempotency_key": "\ud800"}'),
    ('another field',               '{$, "amount": 1, "note": "x"}'),
    ('another field, null',         '{$, "amount": 1, "note": null}'),
    ('another field, in capitals',  '{$, "Amount": 1}'),
    ('an empty field',              '{$, "amount": 1, "": 1}'),
    ('a long field',                format('{$, "amount": 1, "%s": 1}', repeat('n', 1000)));
CREATE FUNCTION pg_temp.event(pattern text) RETURNS text LANGUAGE sql AS
    $$ SELECT replace(pattern, '$', '"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat"') $$;
SELECT input, test.outcome(format('SELECT record_usage(%L)', '[' || :'good' || ', ' || pg_temp.event(event) || ']')) AS answer FROM bad ORDER BY n;
-- The only event, and the first of two invalid ones, is event 0.
SELECT count(*) AS differ FROM bad
 WHERE replace(test.outcome(format('SELECT record_usage(%L)', '[' || pg_temp.event(event) || ']')), 'event 0', 'event 1')
       <> test.outcome(format('SELECT record_usage(%L)', '[' || :'good' || ', ' || pg_temp.event(event) || ']'));
SELECT test.outcome('SELECT record_usage(''[1, 2]'')') AS answer;
-- The last of many events is invalid: its index is in the message.
SELECT test.outcome(format('SELECT record_usage(%L)', jsonb_agg(:'good'::jsonb) || '[{}]')) AS answer FROM generate_series(1, 9999);
-- Deep nesting is an error, and does not crash the server.
SELECT test.sqlstate(format('SELECT record_usage(%L)', repeat('[', n) || repeat(']', n))) AS answer FROM unnest(ARRAY[2, 100, 5000, 1000000]) AS n;
SELECT test.sqlstate(format('SELECT record_usage(%L)', '[{"a":' || repeat('[', n) || repeat(']', n) || '}]')) AS answer FROM unnest(ARRAY[2, 100, 5000]) AS n;

-- These look odd but are valid: jsonb keeps the last of two equal keys.
SELECT input, test.outcome(format('SELECT record_usage(%L)', '[' || pg_temp.event(event) || ']')) AS answer
  FROM (VALUES
    (1, 'amount: -0', '{$, "amount": -0, "period": "2025-02-10"}'),
    (2, 'amount: 1e0', '{$, "amount": 1e0, "period": "2025-02-10"}'),
    (3, 'amount: 0.2e1', '{$, "amount": 0.2e1, "period": "2025-02-10"}'),
    (4, 'amount twice', '{"amount": -1, $, "amount": 4, "period": "2025-02-10"}'),
    (5, 'amount: 1.0', '{$, "amount": 1.0, "period": "2025-02-10"}'),
    (6, 'an escape in a name', '{"\u0075ser_id": "00000000-0000-0000-0000-000000000001", "feature_type": "ch\u0061t", "amount": 8, "period": "2025-02-10"}'),
    (7, 'a key of odd letters', '{$, "amount": 16, "period": "2025-02-10", "idempotency_key": "\u2400 \\x00 \u043a\ud83d\ude00"}')
  ) AS odd (n, input, event) ORDER BY n;
SELECT chat_messages FROM feature_usage;
SELECT key, octet_length(key) FROM feature_idempotency_keys;
DELETE FROM feature_usage;
DELETE FROM feature_idempotency_keys;
-- Nothing else was written, and one backend has answered all of it.
SELECT test.fingerprint() = :'before' AS is_unchanged, pg_backend_pid() = :backend AS is_same_backend;
\c :home
DROP DATABASE feature_usage_bad_record;

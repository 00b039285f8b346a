-- Idempotency keys: a repeated call with its idempotency key has its effect once, and replays its
-- answer.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_keys
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
\set other '\'00000000-0000-0000-0000-000000000002\''
UPDATE plan_limits SET insights_limit = 5;
CREATE VIEW keys AS SELECT right(user_id::text, 1) AS user, operation, key, arguments, result IS NOT NULL AS has_result FROM feature_idempotency_keys ORDER BY user_id, operation, key COLLATE "C";

-- Repeated: the original answer, with replayed, although the count has changed since.
SELECT test.brief(consume_feature(:user, 'insights', 2, 'a'));
SELECT test.brief(consume_feature(:user, 'insights', 1));
SELECT test.brief(consume_feature(:user, 'insights', 2, 'a'));
SELECT test.brief(consume_feature(p_user_id => :user, p_feature_type => 'insights', p_amount => 2, p_idempotency_key => 'a'));
SELECT insights_count FROM feature_usage;
-- The whole answer is equal except for replayed.
SELECT consume_feature(:user, 'insights', 1, 'whole') AS answer \gset
SELECT consume_feature(:user, 'insights', 1, 'whole') - 'replayed' = :'answer'::jsonb, :'answer'::jsonb ? 'replayed';
TABLE keys;

-- Any different argument is a mismatch, without an effect; the stored answer stays.
SELECT jsonb_pretty(test.brief(consume_feature(:user, 'insights', 1, 'a')));
SELECT test.brief(consume_feature(:user, 'voice_seconds', 2, 'a'));
SELECT test.brief(consume_feature(:user, 'insights', 0, 'a'));
SELECT test.brief(consume_feature(:user, 'insights', 2, 'a'));
SELECT insights_count, voice_seconds FROM feature_usage;
-- Invalid arguments are reported as such, with or without an idempotency key.
SELECT test.brief(consume_feature(:user, 'videos', 2, 'a'));
SELECT test.brief(consume_feature(:user, 'insights', -1, 'a'));
SELECT test.brief(consume_feature(:user, 'insights', NULL, 'a'));
-- Another user, another operation, or no idempotency key: a new call.
SELECT test.brief(consume_feature(:other, 'insights', 2, 'a'));
SELECT test.brief(reserve_feature(:other, 'insights', 2, '1 hour', 'a'));
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', :other, 'feature_type', 'insights', 'amount', 1, 'idempotency_key', 'a')));
SELECT insights_count FROM feature_usage WHERE user_id = :other;

-- A denial is not stored: the same idempotency key may be tried again, and is admitted after an
-- upgrade.
SELECT test.brief(consume_feature(:user, 'insights', 3, 'b'));
SELECT test.brief(consume_feature(:user, 'insights', 3, 'b'));
SELECT count(*) FROM keys WHERE key = 'b';
UPDATE plan_limits SET insights_limit = 50;
SELECT test.brief(consume_feature(:user, 'insights', 3, 'b'));
-- An admission is replayed even after a downgrade, or after the subscription has ended.
UPDATE plan_limits SET insights_limit = 0, is_active = false;
SELECT test.brief(consume_feature(:user, 'insights', 3, 'b'));
SELECT test.brief(consume_feature(:user, 'insights', 3, 'c'));
UPDATE plan_limits SET insights_limit = 50, is_active = true;
-- Other denials store nothing either.
SELECT consume_feature(:user, 'videos', 1, 'd') ->> 'error_code', consume_feature(:user, 'insights', -1, 'e') ->> 'error_code';
SELECT count(*) FROM keys WHERE key IN ('c', 'd', 'e');

-- A reserve: the replay returns the same reservation, even after it is settled. The time to live is an
-- argument, compared by its value.
SELECT reserve_feature(:user, 'insights', 2, '90 seconds', 'r') AS answer \gset
SELECT reserve_feature(:user, 'insights', 2, '1 minute 30 seconds', 'r') - 'replayed' = :'answer'::jsonb;
SELECT test.brief(commit_reservation((:'answer'::jsonb ->> 'reservation_id')::uuid, 1));
SELECT test.brief(reserve_feature(:user, 'insights', 2, '90 seconds', 'r'));
SELECT test.brief(reserve_feature(:user, 'insights', 2, '91 seconds', 'r'));
SELECT test.brief(reserve_feature(:user, 'insights', 3, '90 seconds', 'r'));
SELECT test.brief(reserve_feature(:user, 'voice_seconds', 2, '90 seconds', 'r'));
SELECT count(*) FROM feature_reservations WHERE user_id = :user;

-- A rollback, even to a savepoint, undoes the use of the idempotency key.
BEGIN;
SELECT test.brief(consume_feature(:user, 'insights', 1, 'rolled back'));
ROLLBACK;
BEGIN;
SAVEPOINT here;
SELECT test.brief(consume_feature(:user, 'insights', 1, 'rolled back'));
ROLLBACK TO here;
SELECT test.brief(consume_feature(:user, 'insights', 2, 'rolled back'));
SELECT test.brief(consume_feature(:user, 'insights', 2, 'rolled back'));
COMMIT;
SELECT test.brief(consume_feature(:user, 'insights', 2, 'rolled back'));
-- A call that fails leaves the idempotency key unused.
INSERT INTO plan_limits (plan_id, insights_limit) VALUES ('pro', NULL);
INSERT INTO user_plans VALUES ('00000000-0000-0000-0000-000000000003', 'pro', true, 'active');
SELECT consume_feature('00000000-0000-0000-0000-000000000003', 'insights', 2147483647) ->> 'allowed';
SELECT test.sqlstate($$SELECT consume_feature('00000000-0000-0000-0000-000000000003', 'insights', 1, 'f')$$);
SELECT count(*) FROM keys WHERE key = 'f';

-- An idempotency key is any text of 1 to 255 bytes. Case and spaces matter; the two Unicode forms of an
-- accented letter are two idempotency keys.
CREATE TEMP TABLE good (n serial, description text, key text);
INSERT INTO good (description, key) VALUES
    ('a space', ' '),
    ('two spaces', '  '),
    ('255 bytes', repeat('x', 255)),
    ('127 letters of 2 bytes, and one', repeat(U&'\0439', 127) || 'x'),
    ('63 of 4 bytes', repeat(U&'\+01F600', 63)),
    ('the words \x00', '\x00'),
    ('the symbol for NUL', U&'\2400'),
    ('an escape', E'\x01'),
    ('a zero-width space', U&'\200B'),
    ('Cyrillic', U&'\043A\043B\044E\0447'),
    ('one code point', U&'\00E9'),
    ('two code points', U&'e\0301'),
    ('lower case', 'k'),
    ('upper case', 'K'),
    ('a space after', 'k '),
    ('quotes', '"''\'),
    ('JSON', '{"key": null}'),
    ('SQL', '''); DROP TABLE feature_usage; --'),
    ('a line', E'k\nk'),
    ('null', 'null'),
    ('a percent sign', '%s%n%');
SELECT description, octet_length(key), test.outcome(format('SELECT consume_feature(%L, ''voice_seconds'', 1, %L)', '00000000-0000-0000-0000-000000000004', key)),
       consume_feature('00000000-0000-0000-0000-000000000004', 'voice_seconds', 1, key) ->> 'replayed' FROM good ORDER BY n;
SELECT voice_seconds = (SELECT count(*) FROM good) FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000004';
SELECT count(*) = (SELECT count(*) FROM good) FROM good JOIN feature_idempotency_keys AS k ON k.user_id = '00000000-0000-0000-0000-000000000004' AND k.key = good.key;

-- Invalid idempotency keys.
SELECT consume_feature(:user, 'insights', 1, '');
\echo :LAST_ERROR_SQLSTATE
SELECT reserve_feature(:user, 'insights', p_idempotency_key => repeat('x', 256));
\echo :LAST_ERROR_SQLSTATE
SELECT test.fingerprint() AS before \gset
SELECT description, test.outcome(format('SELECT consume_feature(%L, ''insights'', 1, %s)', :user, key)) AS consume,
       test.outcome(format('SELECT reserve_feature(%L, ''insights'', 1, ''1 hour'', %s)', :user, key)) AS reserve
  FROM (VALUES
    (1, 'empty', ''''''),
    (2, '256 bytes', 'repeat(''x'', 256)'),
    (3, '128 letters of 2 bytes', 'repeat(U&''\0439'', 128)'),
    (4, '64 of 4 bytes', 'repeat(U&''\+01F600'', 64)'),
    (5, '1 MB', 'repeat(''x'', 1000000)'),
    (6, 'a NUL', 'E''\x00'''),
    (7, 'a NUL by number', 'chr(0)'),
    (8, 'no UTF-8', 'E''\xff''')
  ) AS bad (n, description, key) ORDER BY n;
SELECT test.fingerprint() = :'before';
\c :home
DROP DATABASE feature_usage_keys;

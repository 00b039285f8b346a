-- consume_feature: checks and counts in one step. A denied amount is not counted.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_consume
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
UPDATE plan_limits SET insights_limit = 3;

-- Admitted: the answer of a check, with the count afterwards, and consumed. The first call of a period
-- inserts the row. Named arguments, as PostgREST calls; the amount defaults to 1.
SELECT jsonb_pretty(test.brief(consume_feature(p_user_id => :user, p_feature_type => 'insights')));
SELECT test.brief(consume_feature(p_user_id => :user, p_feature_type => 'insights', p_amount => 2, p_idempotency_key => NULL));
-- It counts in the current UTC period, whatever the session's time zone.
SET TIME ZONE 'Pacific/Kiritimati';
SELECT answer ->> 'period' = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'),
       (answer ->> 'reset_at')::timestamptz = (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'
  FROM consume_feature(:user, 'insights', 0) AS answer;
RESET TIME ZONE;
-- Denied: nothing is counted. Exactly up to the limit.
SELECT jsonb_pretty(test.brief(consume_feature(:user, 'insights')));
SELECT period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'), insights_count FROM feature_usage;
-- A call for more than remains is denied as a whole.
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000002', 'insights', 4));
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000002', 'insights', 3));
-- A denied first call inserts no row.
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000003', 'insights', 4));
SELECT count(*) FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000003';
-- An amount of 0 is admitted within the limit, denied over it, and counts nothing.
SELECT test.brief(consume_feature(:user, 'insights', 0));
UPDATE plan_limits SET insights_limit = 2;
SELECT test.brief(consume_feature(:user, 'insights', 0));
-- Over the limit after a change of plan: remaining is 0, never negative.
SELECT test.brief(consume_feature(:user, 'insights', 1));
-- A limit of 0 allows nothing, and the largest amounts do not overflow.
UPDATE plan_limits SET insights_limit = 0;
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000003', 'insights'));
UPDATE plan_limits SET insights_limit = 2147483647;
SELECT test.brief(consume_feature(:user, 'insights', 2147483647));
SELECT test.brief(consume_feature(:user, 'insights', 2147483644));

-- Every feature has its own column and limit; days and months are separate rows.
SELECT feature_type, answer ->> 'consumed', answer ->> 'limit', length(answer ->> 'period')
  FROM (VALUES ('voice_seconds'), ('therai_calls'), ('chat'), ('image_generation')) AS f (feature_type),
       consume_feature('00000000-0000-0000-0000-000000000004', feature_type, 2) AS answer ORDER BY feature_type COLLATE "C";
SELECT length(period), voice_seconds, insights_count, therai_calls, chat_messages, images_generated
  FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000004' ORDER BY period;
-- User-defined features too.
SELECT add_feature('video_minutes', 'month');
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000004', 'video_minutes'));
UPDATE plan_limits SET video_minutes_limit = 5;
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000004', 'video_minutes', 5));

-- updated_at is the time of the last count; a denial does not change it.
UPDATE feature_usage SET updated_at = '2025-01-01';
SELECT consume_feature('00000000-0000-0000-0000-000000000004', 'voice_seconds') ->> 'consumed', consume_feature('00000000-0000-0000-0000-000000000004', 'chat', 9) ->> 'consumed';
SELECT length(period), updated_at > now() - interval '1 minute' FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000004' ORDER BY period;

-- The rules are those of a check, in the same order. A NULL limit means unlimited.
INSERT INTO plan_limits (plan_id, insights_limit, is_active) VALUES ('pro', NULL, true), ('old', NULL, false);
INSERT INTO user_plans VALUES
    ('00000000-0000-0000-0000-000000000010', 'pro', true, 'active', NULL),
    ('00000000-0000-0000-0000-000000000011', 'pro', true, 'past_due', NULL),
    ('00000000-0000-0000-0000-000000000012', 'pro', NULL, 'active', NULL),
    ('00000000-0000-0000-0000-000000000013', 'old', true, 'active', NULL),
    ('00000000-0000-0000-0000-000000000014', 'gone', true, 'trialing', NULL),
    ('00000000-0000-0000-0000-000000000015', 'free', NULL, NULL, '2025-01-31'),
    ('00000000-0000-0000-0000-000000000016', NULL, NULL, NULL, 'infinity');
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000010', 'insights', 1000000));
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000010', 'chat'));
SELECT right(user_id::text, 2), answer ->> 'allowed', answer ->> 'consumed', answer ->> 'error_code', answer ->> 'reason', answer ->> 'trial_end_date'
  FROM user_plans, consume_feature(user_id, 'insights') AS answer WHERE user_id <> '00000000-0000-0000-0000-000000000010' ORDER BY user_id;
SELECT right(user_id::text, 2), insights_count FROM feature_usage WHERE user_id >= '00000000-0000-0000-0000-000000000010' ORDER BY user_id;

-- A count that does not fit into the column is an error, even if unlimited; nothing is counted.
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000010', 'insights', 2147483647));
\echo :LAST_ERROR_SQLSTATE
SELECT insights_count FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000010';
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000010', 'insights', 2146483647));

-- Invalid arguments are denials, except a NULL user, which is an error.
SELECT test.brief(consume_feature(:user, 'videos'));
SELECT test.brief(consume_feature(:user, NULL));
SELECT test.brief(consume_feature(:user, 'insights', NULL));
SELECT test.brief(consume_feature(:user, 'insights', -1));
SELECT test.brief(consume_feature(:user, 'insights', -2147483648));
SELECT consume_feature(NULL, 'insights');
\echo :LAST_ERROR_SQLSTATE

-- Arguments of a wrong type, unknown features and wrong argument lists; $u is a valid user.
SELECT test.fingerprint() AS before \gset
SELECT input, test.outcome('SELECT consume_feature(' || replace(arguments, '$u', quote_literal(:user)) || ')')
  FROM (VALUES
    (1, 'user: empty', ''''', ''chat'''),
    (2, 'user: not a uuid', '''me'', ''chat'''),
    (3, 'user: SQL', '$$''; DROP TABLE feature_usage; --$$, ''chat'''),
    (4, 'feature: empty', '$u, '''''),
    (5, 'feature: a space after', '$u, ''chat '''),
    (6, 'feature: upper case', '$u, ''CHAT'''),
    (7, 'feature: its column', '$u, ''chat_messages'''),
    (8, 'feature: SQL', '$u, ''chat" = 0; --'''),
    (9, 'feature: 10 kB', '$u, repeat(''chat'', 2500)'),
    (10, 'amount: a fraction', '$u, ''chat'', ''1.5'''),
    (11, 'amount: too large', '$u, ''chat'', ''2147483648'''),
    (12, 'amount: too small', '$u, ''chat'', ''-2147483649'''),
    (13, 'amount: empty', '$u, ''chat'', '''''),
    (14, 'amount: infinite', '$u, ''chat'', ''infinity'''),
    (15, 'no feature', '$u'),
    (16, 'a period', '$u, ''chat'', 1, ''k'', p_period => ''2025-02-10''')
  ) AS bad (n, input, arguments) ORDER BY n;
SELECT test.fingerprint() = :'before';

-- A rollback, even to a savepoint, undoes what was counted; the next call is admitted again.
UPDATE plan_limits SET therai_calls_limit = 2;
BEGIN;
SELECT consume_feature('00000000-0000-0000-0000-000000000005', 'therai_calls') ->> 'current_usage';
SAVEPOINT here;
SELECT consume_feature('00000000-0000-0000-0000-000000000005', 'therai_calls') ->> 'current_usage';
SELECT consume_feature('00000000-0000-0000-0000-000000000005', 'therai_calls') ->> 'error_code';
ROLLBACK TO here;
SELECT consume_feature('00000000-0000-0000-0000-000000000005', 'therai_calls') ->> 'current_usage';
ROLLBACK;
SELECT count(*) FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000005';
-- Several calls in one statement are admitted one after the other.
SELECT count(*) FILTER (WHERE (consume_feature('00000000-0000-0000-0000-000000000005', 'therai_calls') ->> 'allowed')::boolean) FROM generate_series(1, 10);

-- A READ ONLY transaction cannot count, admitted or not.
BEGIN READ ONLY;
SELECT consume_feature('00000000-0000-0000-0000-000000000006', 'chat');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT count(*) FROM feature_usage WHERE user_id = '00000000-0000-0000-0000-000000000006';
\c :home
DROP DATABASE feature_usage_consume;

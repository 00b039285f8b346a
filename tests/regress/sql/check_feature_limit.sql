-- check_feature_limit: may this user use this amount of this feature? It checks rules in a fixed order
-- and writes nothing. Anything unknown or missing is denied.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_check
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
SELECT pg_backend_pid() AS backend \gset
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''

-- Allowed: remaining is what is left after the requested amount.
INSERT INTO feature_usage (user_id, period, images_generated, voice_seconds) VALUES
    (:user, '2025-02-10', 1, 0), (:user, '2025-02', 0, 100);
SELECT jsonb_pretty(check_feature_limit(:user, 'image_generation', 1, '2025-02-10'));
SELECT jsonb_pretty(check_feature_limit(p_user_id => :user, p_feature_type => 'voice_seconds', p_requested_amount => 20, p_period => '2025-02'));
-- The amount defaults to 1.
SELECT check_feature_limit(p_user_id => :user, p_feature_type => 'image_generation', p_period => '2025-02-10');
-- Exactly up to the limit.
SELECT check_feature_limit(:user, 'image_generation', 2, '2025-02-10') ->> 'allowed';
SELECT jsonb_pretty(check_feature_limit(:user, 'image_generation', 3, '2025-02-10'));
-- An amount of 0 asks whether the user is within the limit at all.
SELECT check_feature_limit(:user, 'image_generation', 0, '2025-02-10');
UPDATE feature_usage SET images_generated = 3 WHERE period = '2025-02-10';
SELECT check_feature_limit(:user, 'image_generation', 0, '2025-02-10');
SELECT jsonb_pretty(check_feature_limit(:user, 'image_generation', 1, '2025-02-10'));
-- Over the limit, by hand or after a change of plan: remaining is 0, never negative.
UPDATE feature_usage SET images_generated = 5 WHERE period = '2025-02-10';
SELECT check_feature_limit(:user, 'image_generation', 0, '2025-02-10');
-- The largest amounts do not overflow.
UPDATE feature_usage SET images_generated = 2147483647 WHERE period = '2025-02-10';
SELECT check_feature_limit(:user, 'image_generation', 2147483647, '2025-02-10');
-- A limit of 0 allows nothing. A user without any row has used nothing.
SELECT check_feature_limit('00000000-0000-0000-0000-000000000009', 'insights', 1, '2025-02');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000009', 'chat', 1, '2025-02-10');
-- Every feature has its own limit, counter and kind of period.
SELECT feature_type, answer ->> 'limit', answer ->> 'current_usage', answer ->> 'reset_at'
  FROM (VALUES
    ('voice_seconds', '2025-12'),
    ('insights', '2025-12'),
    ('therai_calls', '2025-12-31'),
    ('chat', '2024-02-28'),
    ('image_generation', '2024-02-29')
  ) AS f (feature_type, period),
       check_feature_limit(:user, feature_type, 0, period) AS answer ORDER BY feature_type COLLATE "C";

-- A period that is missing, blank or current is the current one; past periods can be checked too. In one
-- transaction, because the current period is the one in which the transaction began.
BEGIN;
SELECT increment_images_generated(:user, 2, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'));
SELECT increment_voice_seconds(:user, 7, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'));
SELECT answer ->> 'current_usage', answer ->> 'period' = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
       (answer ->> 'reset_at')::timestamptz = (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC'
  FROM (VALUES (1, NULL), (2, ''), (3, '   '), (4, E'\t\n'), (5, 'current')) AS blank (n, period),
       check_feature_limit(:user, 'image_generation', 1, period) AS answer ORDER BY n;
SELECT answer ->> 'current_usage', answer ->> 'period' = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'),
       (answer ->> 'reset_at')::timestamptz = (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'
  FROM (VALUES (1, NULL), (2, 'current')) AS named (n, period), check_feature_limit(:user, 'voice_seconds', 1, period) AS answer ORDER BY n;
-- A client can set the session's time zone, but that changes no period. At any hour, one of these two
-- zones has another date than UTC.
SET TIME ZONE 'Pacific/Kiritimati';
SELECT check_feature_limit(:user, 'image_generation') ->> 'current_usage';
SET TIME ZONE 'Etc/GMT+12';
SELECT check_feature_limit(:user, 'image_generation') ->> 'current_usage';
SELECT check_feature_limit(:user, 'image_generation', 1, '2025-02-10') ->> 'reset_at';
RESET TIME ZONE;
COMMIT;

-- A NULL limit means unlimited, if the plan is known.
INSERT INTO plan_limits (plan_id, plan_name, image_generation_daily_limit, is_active) VALUES ('pro', 'Pro', NULL, true);
INSERT INTO user_plans VALUES ('00000000-0000-0000-0000-000000000002', 'pro', true, 'active', NULL);
INSERT INTO feature_usage (user_id, period, images_generated) VALUES ('00000000-0000-0000-0000-000000000002', '2025-02-10', 9);
SELECT jsonb_pretty(check_feature_limit('00000000-0000-0000-0000-000000000002', 'image_generation', 2147483647, '2025-02-10'));
-- A limit that was not set is 0.
SELECT check_feature_limit('00000000-0000-0000-0000-000000000002', 'chat', 1, '2025-02-10');

-- The rules in their order. Each of these users breaks one rule and all later ones: the first broken
-- rule decides. 1. The arguments.
SELECT check_feature_limit(:user, 'videos', -1, 'never');
-- If the period is invalid, the answer shows the current one.
SELECT check_feature_limit(:user, 'insights', -1, 'never') - 'period' - 'reset_at' AS answer;
SELECT check_feature_limit(:user, 'insights', 1, 'never') - 'period' - 'reset_at' AS answer;
SELECT check_feature_limit(:user, 'insights', 1, 'never') ->> 'period' = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') AS is_current;
SELECT check_feature_limit(:user, 'insights', NULL, '2025-02');
-- The reason names what was passed, cut off if it is long, and what there is.
SELECT check_feature_limit(:user, 'imges') ->> 'reason';
SELECT check_feature_limit(:user, NULL) ->> 'reason';
SELECT check_feature_limit(:user, '') ->> 'reason';
SELECT check_feature_limit(:user, repeat('chat', 2500)) ->> 'reason';
SELECT check_feature_limit(:user, 'chat', 1, '2025-02') ->> 'reason';
SELECT check_feature_limit(:user, 'chat', 1, '2026-11-31') ->> 'reason';
SELECT check_feature_limit(:user, 'insights', 1, '2026-13') ->> 'reason';
SELECT check_feature_limit(:user, 'insights', 1, 'Current') ->> 'reason';
SELECT check_feature_limit(:user, 'insights', 1, repeat('2025-02', 2000)) ->> 'reason';
-- 2. A user without a row, or with a NULL plan, has the free plan.
INSERT INTO user_plans (user_id) VALUES ('00000000-0000-0000-0000-000000000010');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000010', 'chat', 1, '2025-02-10') ->> 'limit';
-- 3. The free plan ends with its trial. Until then it needs neither is_active nor a status.
INSERT INTO user_plans VALUES
    ('00000000-0000-0000-0000-000000000011', 'free', NULL, NULL, '2025-01-31 22:00:00+00'),
    ('00000000-0000-0000-0000-000000000012', NULL, false, 'canceled', '2025-01-31 22:00:00+00'),
    ('00000000-0000-0000-0000-000000000013', 'free', false, 'canceled', 'infinity'),
    ('00000000-0000-0000-0000-000000000014', 'free', true, 'active', '-infinity');
SELECT jsonb_pretty(check_feature_limit('00000000-0000-0000-0000-000000000011', 'insights', 1, '2025-02'));
SELECT right(user_id::text, 2), answer ->> 'allowed', answer ->> 'error_code', answer ->> 'trial_end_date'
  FROM user_plans, check_feature_limit(user_id, 'chat', 1, '2025-02-10') AS answer
 WHERE right(user_id::text, 2) BETWEEN '11' AND '14' ORDER BY user_id;
-- 4. Any other plan needs is_active and a status of active or trialing; NULL is neither. An old trial
-- does not matter.
INSERT INTO user_plans VALUES
    ('00000000-0000-0000-0000-000000000021', 'pro', true, 'active', '2025-01-01'),
    ('00000000-0000-0000-0000-000000000022', 'pro', true, 'trialing', NULL),
    ('00000000-0000-0000-0000-000000000023', 'pro', true, 'past_due', NULL),
    ('00000000-0000-0000-0000-000000000024', 'pro', true, 'canceled', NULL),
    ('00000000-0000-0000-0000-000000000025', 'pro', true, NULL, NULL),
    ('00000000-0000-0000-0000-000000000026', 'pro', false, 'active', NULL),
    ('00000000-0000-0000-0000-000000000027', 'pro', NULL, 'active', NULL),
    ('00000000-0000-0000-0000-000000000028', 'pro', true, 'ACTIVE', NULL),
    ('00000000-0000-0000-0000-000000000029', 'gold', false, NULL, '2025-01-01');
SELECT right(user_id::text, 2), plan_id, is_active, status, answer ->> 'allowed', answer ->> 'error_code'
  FROM user_plans, check_feature_limit(user_id, 'image_generation', 1, '2025-02-10') AS answer
 WHERE right(user_id::text, 2) BETWEEN '21' AND '29' ORDER BY user_id;
SELECT jsonb_pretty(check_feature_limit('00000000-0000-0000-0000-000000000023', 'image_generation', 1, '2025-02-10'));
-- 5. A plan that is missing from plan_limits, or inactive there. Hand-written checks often fall through
-- to "unlimited" here.
INSERT INTO plan_limits (plan_id, image_generation_daily_limit, is_active) VALUES ('old', NULL, false);
INSERT INTO user_plans VALUES
    ('00000000-0000-0000-0000-000000000031', 'gold', true, 'active', NULL),
    ('00000000-0000-0000-0000-000000000032', 'old', true, 'active', NULL),
    ('00000000-0000-0000-0000-000000000033', '', true, 'active', NULL),
    ('00000000-0000-0000-0000-000000000034', 'Free', true, 'active', NULL);
SELECT right(user_id::text, 2), plan_id, answer - 'period' - 'reset_at' - 'feature_type'
  FROM user_plans, check_feature_limit(user_id, 'image_generation', 1, '2025-02-10') AS answer
 WHERE right(user_id::text, 2) BETWEEN '31' AND '34' ORDER BY user_id;
-- That includes the free plan, and a plan whose is_active is NULL.
BEGIN;
ALTER TABLE plan_limits ALTER is_active DROP NOT NULL;
UPDATE plan_limits SET is_active = NULL;
SELECT check_feature_limit(:user, 'chat', 1, '2025-02-10') ->> 'error_code';
DELETE FROM plan_limits;
SELECT check_feature_limit(:user, 'chat', 1, '2025-02-10') ->> 'error_code';
ROLLBACK;

-- It works in a read-only transaction, and assigns no transaction id.
BEGIN READ ONLY;
SELECT check_feature_limit(:user, 'image_generation', 1, '2025-02-10') ->> 'error_code';
SELECT get_user_limits(:user) IS NOT NULL;
SELECT pg_current_xact_id_if_assigned() IS NULL;
COMMIT;
BEGIN;
SELECT check_feature_limit(:user, 'image_generation', 1, '2025-02-10') ->> 'error_code';
SELECT get_user_limits(:user) IS NOT NULL;
SELECT pg_current_xact_id_if_assigned() IS NULL;
COMMIT;

-- It includes what its own transaction has counted.
BEGIN;
SELECT increment_chat_messages(:user, 3, '2025-02-10');
SELECT check_feature_limit(:user, 'chat', 1, '2025-02-10') ->> 'error_code';
ROLLBACK;

-- A NULL user is an error.
SELECT check_feature_limit(NULL, 'chat');
\echo :LAST_ERROR_SQLSTATE
SELECT check_feature_limit(NULL, NULL, NULL, NULL);
\echo :LAST_ERROR_SQLSTATE

-- Every argument with every kind of bad input: an error code, or an SQLSTATE if the input does not have
-- the argument's type. $u, $f, $n and $p stand for valid values.
SELECT test.fingerprint() AS before \gset
CREATE FUNCTION pg_temp.answer(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
BEGIN
    EXECUTE 'SELECT check_feature_limit(' || replace(replace(replace(replace(arguments,
        '$u', '''00000000-0000-0000-0000-000000000001'''), '$f', '''chat'''), '$n', '1'), '$p', '''2025-02-10''') || ')' INTO answer;
    RETURN concat_ws(' ', answer ->> 'allowed', answer ->> 'error_code');
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END
$$;
SELECT input, pg_temp.answer(arguments) FROM (VALUES
    (1, 'all good',                  '$u, $f, $n, $p'),
    (2, 'user: empty',               ''''', $f, $n, $p'),
    (3, 'user: SQL',                 '$$''; DROP TABLE feature_usage; --$$, $f, $n, $p'),
    (4, 'user: unknown',             '''ffffffff-ffff-ffff-ffff-ffffffffffff'', $f, $n, $p'),
    (5, 'feature: NULL',             '$u, NULL, $n, $p'),
    (6, 'feature: empty',            '$u, '''', $n, $p'),
    (7, 'feature: upper case',       '$u, ''Chat'', $n, $p'),
    (8, 'feature: a space after',    '$u, ''chat '', $n, $p'),
    (9, 'feature: its column',       '$u, ''chat_messages'', $n, $p'),
    (10, 'feature: another column',  '$u, ''user_id'', $n, $p'),
    (11, 'feature: SQL',             '$u, ''chat" + 1; DROP TABLE feature_usage; --'', $n, $p'),
    (12, 'feature: 10 kB',           '$u, repeat(''chat'', 2500), $n, $p'),
    (13, 'amount: NULL',             '$u, $f, NULL, $p'),
    (14, 'amount: -1',               '$u, $f, -1, $p'),
    (15, 'amount: smallest',         '$u, $f, -2147483648, $p'),
    (16, 'amount: zero',             '$u, $f, 0, $p'),
    (17, 'amount: largest',          '$u, $f, 2147483647, $p'),
    (18, 'amount: too large',        '$u, $f, ''2147483648'', $p'),
    (19, 'amount: empty',            '$u, $f, '''', $p'),
    (20, 'amount: SQL',              '$u, $f, ''1; DROP TABLE feature_usage'', $p'),
    (21, 'period: NULL',             '$u, $f, $n, NULL'),
    (22, 'period: empty',            '$u, $f, $n, '''''),
    (23, 'period: a month',          '$u, $f, $n, ''2025-02'''),
    (24, 'period: a year',           '$u, $f, $n, ''2025'''),
    (25, 'period: month 13',         '$u, $f, $n, ''2025-13-01'''),
    (26, 'period: 30 February',      '$u, $f, $n, ''2025-02-30'''),
    (27, 'period: no leap year',     '$u, $f, $n, ''2025-02-29'''),
    (28, 'period: a leap year',      '$u, $f, $n, ''2024-02-29'''),
    (29, 'period: year 0',           '$u, $f, $n, ''0000-01-01'''),
    (30, 'period: the last day',     '$u, $f, $n, ''9999-12-31'''),
    (31, 'period: a space after',    '$u, $f, $n, $p || '' '''),
    (32, 'period: words',            '$u, $f, $n, ''today'''),
    (33, 'period: SQL',              '$u, $f, $n, ''2025-02-10''''; DROP TABLE feature_usage; --'''),
    (34, 'period: 10 kB',            '$u, $f, $n, repeat($p, 1000)'),
    (35, 'period: current',          '$u, $f, $n, ''current'''),
    (36, 'period: capitals',         '$u, $f, $n, ''CURRENT''')
  ) AS bad (n, input, arguments) ORDER BY n;
SELECT test.fingerprint() = :'before', pg_backend_pid() = :backend;
\c :home
DROP DATABASE feature_usage_check;

-- The increments: add usage to the count of a period, in one atomic step.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_increment
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
SELECT pg_backend_pid() AS backend \gset
\set user '\'00000000-0000-0000-0000-000000000001\''

-- Each counts in its own column. Months are YYYY-MM, days are YYYY-MM-DD. Named arguments, as PostgREST
-- calls.
SELECT increment_voice_seconds(p_user_id => :user, p_seconds => 90, p_period => '2025-02');
SELECT increment_insights_count(p_user_id => :user, p_count => 1, p_period => '2025-02');
SELECT increment_therai_calls(p_user_id => :user, p_calls => 2, p_period => '2025-02-10');
SELECT increment_chat_messages(p_user_id => :user, p_count => 3, p_period => '2025-02-10');
SELECT increment_images_generated(p_user_id => :user, p_count => 4, p_period => '2025-02-10');
SELECT period, voice_seconds, insights_count, therai_calls, chat_messages, images_generated
  FROM feature_usage ORDER BY period;

-- increment_feature_usage() does the same for any feature, by name.
SELECT increment_feature_usage(:user, 'voice_seconds', 30, '2025-02');
SELECT increment_feature_usage(:user, 'insights', 1, '2025-02');
SELECT increment_feature_usage(:user, 'therai_calls', 1, '2025-02-10');
SELECT increment_feature_usage(:user, 'chat', 1, '2025-02-10');
SELECT increment_feature_usage(:user, 'image_generation', 1, '2025-02-10');
SELECT increment_feature_usage(p_user_id => :user, p_feature_type => 'chat', p_amount => 1, p_period => '2024-02-29');
SELECT period, voice_seconds, insights_count, therai_calls, chat_messages, images_generated
  FROM feature_usage ORDER BY period;

-- The period current is that of now, in UTC, of the feature's own kind. In one transaction, because it is
-- the one in which the transaction began. At any hour, one of these two zones has another date than UTC.
BEGIN;
SET LOCAL TIME ZONE 'Pacific/Kiritimati';
SELECT increment_voice_seconds(p_user_id => :user, p_seconds => 1, p_period => 'current');
SELECT increment_insights_count(:user, 2, 'current');
SELECT increment_therai_calls(:user, 3, 'current');
SELECT increment_chat_messages(:user, 4, 'current');
SET LOCAL TIME ZONE 'Etc/GMT+12';
SELECT increment_images_generated(:user, 5, 'current');
SELECT increment_feature_usage(:user, 'voice_seconds', 10, 'current');
SELECT increment_feature_usage(:user, 'chat', 10, 'current');
SELECT CASE period WHEN to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') THEN 'this month'
                   WHEN to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') THEN 'today' ELSE period END AS period,
       voice_seconds, insights_count, therai_calls, chat_messages, images_generated
  FROM feature_usage WHERE period NOT IN ('2025-02', '2025-02-10', '2024-02-29') ORDER BY period;
SELECT check_feature_limit(:user, 'chat') ->> 'current_usage' AS current_usage;
ROLLBACK;

-- updated_at is the time of the last count; created_at does not change.
UPDATE feature_usage SET created_at = '2025-01-01', updated_at = '2025-01-01' WHERE period = '2025-02';
SELECT increment_voice_seconds(:user, 1, '2025-02');
SELECT created_at = '2025-01-01' AS created_at_stays, updated_at = now() OR updated_at > now() - interval '1 minute' AS updated_at_is_now
  FROM feature_usage WHERE period = '2025-02';

-- A rollback undoes what was counted.
BEGIN;
SELECT increment_images_generated(:user, 1, '2025-02-10');
SELECT images_generated FROM feature_usage WHERE period = '2025-02-10';
ROLLBACK;
SELECT images_generated FROM feature_usage WHERE period = '2025-02-10';

-- From here on nothing may be written.
SELECT test.fingerprint() AS before \gset

-- An amount of 0 inserts no row, and changes no existing one.
SELECT increment_images_generated(:user, 0, '2025-03-01');
SELECT increment_images_generated(:user, 0, '2025-02-10');
SELECT test.fingerprint() = :'before' AS is_unchanged;

-- A NULL amount, user or period is an error.
SELECT increment_images_generated(NULL, 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_images_generated(:user, NULL, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_images_generated(:user, 1, NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT increment_feature_usage(:user, NULL, 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE

-- A user could reset a quota by a negative amount. The error names the argument as the function does.
SELECT increment_voice_seconds(:user, -1, '2025-02');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_therai_calls(:user, -2147483648, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE

-- A monthly period key for a daily feature would make a count that no check ever reads.
SELECT increment_images_generated(:user, 1, '2025-02');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_voice_seconds(:user, 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE

-- A day or month that the calendar does not have is named as such.
SELECT increment_images_generated(:user, 1, '2026-11-31');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_voice_seconds(:user, 1, '2026-13');
\echo :LAST_ERROR_SQLSTATE
-- Blank is not the current period: a caller that forgot it would not notice.
SELECT increment_voice_seconds(:user, 1, '');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_voice_seconds(:user, 1, repeat('2025-02', 2000));
\echo :LAST_ERROR_SQLSTATE

-- The error for an unknown feature lists the known ones.
SELECT increment_feature_usage(:user, 'videos', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE

-- A count that does not fit into the column is not written.
SELECT increment_voice_seconds(:user, 2147483647, '2025-02');
\echo :LAST_ERROR_SQLSTATE

-- Every argument of every increment with every kind of bad input, answered by an SQLSTATE. $u, $n and
-- $p stand for a valid user, amount and period of the feature; $f for a feature type.
CREATE FUNCTION pg_temp.answer(increment text, good_period text, arguments text) RETURNS text LANGUAGE sql AS $$
    SELECT test.sqlstate('SELECT ' || increment || replace(replace(replace(replace(arguments, ',$f', ','),
        '$u', '''00000000-0000-0000-0000-000000000001'''), '$n', '1'), '$p', quote_literal(good_period)) || ')')
$$;
CREATE TEMP TABLE bad (n serial, input text, arguments text);
INSERT INTO bad (input, arguments) VALUES
    ('user: NULL',               'NULL,$f $n, $p'),
    ('user: empty',              ''''',$f $n, $p'),
    ('user: not a uuid',         '''me'',$f $n, $p'),
    ('user: SQL',                '$$''; DROP TABLE feature_usage; --$$,$f $n, $p'),
    ('user: 10 kB',              'repeat(''a'', 10000)::uuid,$f $n, $p'),
    ('amount: NULL',             '$u,$f NULL, $p'),
    ('amount: -1',               '$u,$f -1, $p'),
    ('amount: smallest',         '$u,$f -2147483648, $p'),
    ('amount: too small',        '$u,$f ''-2147483649'', $p'),
    ('amount: too large',        '$u,$f ''2147483648'', $p'),
    ('amount: empty',            '$u,$f '''', $p'),
    ('amount: a fraction',       '$u,$f ''1.5'', $p'),
    ('amount: SQL',              '$u,$f ''1); DROP TABLE feature_usage; --'', $p'),
    ('period: NULL',             '$u,$f $n, NULL'),
    ('period: empty',            '$u,$f $n, '''''),
    ('period: blank',            '$u,$f $n, ''  '''),
    ('period: a year',           '$u,$f $n, ''2025'''),
    ('period: month 0',          '$u,$f $n, ''2025-00'''),
    ('period: month 13',         '$u,$f $n, ''2025-13'''),
    ('period: year 0',           '$u,$f $n, ''0000-01'''),
    ('period: a short month',    '$u,$f $n, ''2025-2'''),
    ('period: day 0',            '$u,$f $n, ''2025-02-00'''),
    ('period: 30 February',      '$u,$f $n, ''2025-02-30'''),
    ('period: no leap year',     '$u,$f $n, ''2025-02-29'''),
    ('period: a short day',      '$u,$f $n, ''2025-02-1'''),
    ('period: a year 10000',     '$u,$f $n, ''10000-01-01'''),
    ('period: a negative year',  '$u,$f $n, ''-2025-02'''),
    ('period: a sign',           '$u,$f $n, ''+025-02'''),
    ('period: a time',           '$u,$f $n, ''2025-02-10T00:00:00Z'''),
    ('period: a space before',   '$u,$f $n, '' '' || $p'),
    ('period: a space after',    '$u,$f $n, $p || '' '''),
    ('period: a line after',     '$u,$f $n, $p || chr(10)'),
    ('period: slashes',          '$u,$f $n, translate($p, ''-'', ''/'')'),
    ('period: Arabic digits',    '$u,$f $n, translate($p, ''0123456789'', ''٠١٢٣٤٥٦٧٨٩'')'),
    ('period: words',            '$u,$f $n, ''today'''),
    ('period: capitals',         '$u,$f $n, ''CURRENT'''),
    ('period: current, a space', '$u,$f $n, ''current '''),
    ('period: SQL',              '$u,$f $n, ''2025-02-10''''; DROP TABLE feature_usage; --'''),
    ('period: 10 kB',            '$u,$f $n, repeat($p, 2000)'),
    ('no argument',              ''),
    ('two arguments',            '$u,$f $n'),
    ('four arguments',           '$u,$f $n, $p, $n');
SELECT input,
       pg_temp.answer('increment_voice_seconds(', '2025-02', arguments) AS voice,
       pg_temp.answer('increment_insights_count(', '2025-02', arguments) AS insights,
       pg_temp.answer('increment_therai_calls(', '2025-02-10', arguments) AS therai,
       pg_temp.answer('increment_chat_messages(', '2025-02-10', arguments) AS chat,
       pg_temp.answer('increment_images_generated(', '2025-02-10', arguments) AS images
  FROM bad ORDER BY n;

-- The same with the feature as an argument, and with names of unknown features.
SELECT input, pg_temp.answer('increment_feature_usage(', '2025-02-10', replace(arguments, ',$f', ', ''chat'',')) AS chat
  FROM bad WHERE arguments <> '' ORDER BY n;
SELECT input, test.sqlstate(format('SELECT increment_feature_usage(%L, %s, 1, %L)', :user, feature, '2025-02-10')) AS answer
  FROM (VALUES
    (1, 'NULL', 'NULL'),
    (2, 'empty', ''''''),
    (3, 'a space after', '''chat '''),
    (4, 'upper case', '''CHAT'''),
    (5, 'the name of the column', '''chat_messages'''),
    (6, 'another column', '''user_id'''),
    (7, 'SQL', '''chat" = 0; --'''),
    (8, '10 kB', 'repeat(''chat'', 2500)')
  ) AS bad (n, input, feature) ORDER BY n;

-- The largest amount fits; one more does not.
BEGIN;
SELECT increment_chat_messages(:user, 2147483647, '2025-04-01');
SELECT chat_messages FROM feature_usage WHERE period = '2025-04-01';
SELECT increment_chat_messages(:user, 1, '2025-04-01');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- Nothing was written, and one backend has answered all of it.
SELECT test.fingerprint() = :'before' AS is_unchanged;
SELECT pg_backend_pid() = :backend AS is_same_backend;

-- A READ ONLY transaction cannot count.
\set VERBOSITY sqlstate
BEGIN READ ONLY;
SELECT increment_images_generated(:user, 1, '2025-02-10');
\set VERBOSITY default
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
\c :home
DROP DATABASE feature_usage_increment;

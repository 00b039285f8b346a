-- add_feature: a feature of the app's own is one call.
\getenv dir PG_ABS_SRCDIR
\set home :DBNAME
CREATE DATABASE feature_usage_add;
\c feature_usage_add
\set ECHO none
\i :dir/helpers.sql
\set ECHO all
CREATE EXTENSION feature_usage;
\set user '\'00000000-0000-0000-0000-000000000001\''
SELECT add_feature('video_minutes', 'month');
SELECT add_feature(p_feature_type => 'export', p_period => 'day', p_usage_column => 'exports', p_limit_column => 'exports_a_day');
SELECT feature_type, usage_column, limit_column, period FROM usage_features WHERE NOT is_builtin ORDER BY feature_type;
-- It has a counter that is neither null nor negative, and a limit that is 0 until one is set.
SELECT t.name AS table, a.attname AS column, format_type(a.atttypid, NULL) AS type, a.attnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid) AS default,
       col_description(t.oid, a.attnum) IS NOT NULL AS has_comment
  FROM test.relations AS t JOIN pg_attribute AS a ON a.attrelid = t.oid LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
 WHERE a.attname ~ '^(video|export)' ORDER BY t.name COLLATE "C", a.attname COLLATE "C";
SELECT conname AS constraint, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conname ~ '_(video|export)' ORDER BY conname COLLATE "C";
-- It has an increment like those of the built-in features, for any language. That function is the
-- app's, and is dumped like any other; it runs as its caller, with a path that nobody can set.
SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ')' AS function, pg_get_function_result(p.oid) AS result,
       p.prosecdef AS is_definer, p.provolatile AS volatility, p.proconfig AS settings, is_member
  FROM pg_proc AS p JOIN test.functions USING (oid) WHERE p.proname ~ '(video|export)' ORDER BY p.proname COLLATE "C";
SELECT increment_video_minutes(p_user_id => :user, p_count => 5, p_period => '2025-02');
SELECT increment_exports(:user, 2, '2025-02-10');
SELECT increment_feature_usage(:user, 'export', 1, '2025-02-10');
SELECT period, video_minutes, exports FROM feature_usage ORDER BY period;
UPDATE plan_limits SET exports_a_day = 3;
SELECT answer ->> 'allowed' AS allowed, answer ->> 'limit' AS limit, answer ->> 'current_usage' AS current_usage, answer ->> 'reason' AS reason
  FROM (VALUES (1, 'export', '2025-02-10'), (2, 'video_minutes', '2025-02')) AS f (n, feature_type, period),
       check_feature_limit(:user, feature_type, 1, period) AS answer ORDER BY n;
-- Its errors are those of any increment.
SELECT increment_exports(:user, -1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_exports(:user, 1, '2025-02');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_exports(NULL, 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_exports(:user, 2147483647, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM test.without_comment;

-- The same definition again changes nothing.
SELECT test.fingerprint() AS before \gset
SELECT add_feature('video_minutes', 'month');
SELECT add_feature('video_minutes', 'month', 'video_minutes', 'video_minutes_limit');
SELECT add_feature('export', 'day', 'exports', 'exports_a_day');
SELECT add_feature('image_generation', 'day', 'images_generated', 'image_generation_daily_limit');
SELECT test.fingerprint() = :'before' AS is_unchanged;
-- Another definition is an error: counts would be split, or shared.
SELECT add_feature('video_minutes', 'day');
\echo :LAST_ERROR_SQLSTATE
SELECT statement, test.sqlstate(statement) FROM (VALUES
    (1, $$SELECT add_feature('export', 'day')$$),
    (2, $$SELECT add_feature('export', 'day', 'exports', 'another_limit')$$),
    (3, $$SELECT add_feature('another', 'day', 'exports')$$),
    (4, $$SELECT add_feature('another', 'day', 'another', 'exports_a_day')$$),
    (5, $$SELECT add_feature('another', 'day', 'images_generated')$$),
    (6, $$SELECT add_feature('voice_seconds', 'day')$$),
    (7, $$SELECT add_feature('chat', 'day')$$)) AS s (n, statement) ORDER BY n;

-- Names become columns and a function, so they are checked.
SELECT add_feature('Video', 'day');
\echo :LAST_ERROR_SQLSTATE
SELECT add_feature('video', 'week');
\echo :LAST_ERROR_SQLSTATE
SELECT add_feature('user_id', 'day');
\echo :LAST_ERROR_SQLSTATE
SELECT add_feature('video', 'day', 'video', 'is_active');
\echo :LAST_ERROR_SQLSTATE
SELECT add_feature(NULL, 'day');
\echo :LAST_ERROR_SQLSTATE
SELECT input, test.sqlstate(format('SELECT add_feature(%s, ''day'')', value)) AS feature_type,
       test.sqlstate(format('SELECT add_feature(''video'', %s)', value)) AS period,
       CASE WHEN value <> 'NULL' THEN test.sqlstate(format('SELECT add_feature(''video'', ''day'', %s)', value)) END AS usage_column,
       CASE WHEN value <> 'NULL' THEN test.sqlstate(format('SELECT add_feature(''video'', ''day'', ''video'', %s)', value)) END AS limit_column
  FROM (VALUES (1, 'NULL', 'NULL'), (2, 'empty', ''''''), (3, 'blank', ''' '''), (4, 'a space after', '''video '''), (5, 'a line after', 'E''video\n'''),
               (6, 'upper case', '''VIDEO'''), (7, 'a digit first', '''3d'''), (8, 'not ASCII', '''vidéo'''), (9, 'quotes', '''a"b''''c'''),
               (10, 'a dot', '''public.video'''), (11, 'SQL', '''video integer; DROP TABLE feature_usage; --'''), (12, 'a format', '''%I%s'''),
               (13, '51 characters', 'repeat(''v'', 51)'), (14, '10 kB', 'repeat(''v'', 10000)')) AS bad (n, input, value) ORDER BY n;
-- Reserved: the columns that the tables have for other things, and increment_feature_usage itself.
SELECT name, test.sqlstate(format('SELECT add_feature(''video'', ''day'', %L)', name)) AS as_counter
  FROM unnest(ARRAY['id', 'user_id', 'period', 'created_at', 'updated_at', 'feature_usage']) AS name;
SELECT name, test.sqlstate(format('SELECT add_feature(''video'', ''day'', ''video'', %L)', name)) AS as_limit
  FROM unnest(ARRAY['plan_id', 'plan_name', 'is_active', 'display_order', 'created_at', 'updated_at', 'has_video', 'features']) AS name;
-- get_user_limits() would have two limits of one name.
SELECT test.sqlstate($$SELECT add_feature('video', 'day', 'video', 'voice_seconds')$$) <> '00000' AS is_refused;
-- Words of SQL are names like any other, and the longest name has 50 characters.
BEGIN;
SELECT add_feature('select', 'day', 'order', 'table');
SELECT increment_order(:user, 1, '2025-02-10');
SELECT check_feature_limit(:user, 'select', 0, '2025-02-10') ->> 'current_usage' AS current_usage;
SELECT add_feature(repeat('v', 50), 'month', repeat('u', 50), repeat('l', 50));
SELECT increment_feature_usage(:user, repeat('v', 50), 4, '2025-02');
SELECT check_feature_limit(:user, repeat('v', 50), 0, '2025-02') ->> 'current_usage' AS current_usage;
ROLLBACK;
-- What a transaction has added goes with it, also from the backend's memory.
SELECT check_feature_limit(:user, 'select', 0, '2025-02-10') ->> 'error_code' AS error_code;

-- A function of the increment's name that is somebody else's stays, and stops the call.
CREATE FUNCTION increment_stickers(uuid, integer, text) RETURNS void LANGUAGE sql AS 'SELECT';
SELECT add_feature('stickers', 'day');
\echo :LAST_ERROR_SQLSTATE
-- So does a column of another type.
ALTER TABLE feature_usage ADD stamps text;
SELECT add_feature('stamps', 'day');
\echo :LAST_ERROR_SQLSTATE
-- Whatever failed has left nothing behind.
SELECT feature_type FROM usage_features WHERE NOT is_builtin ORDER BY feature_type;
SELECT attname FROM pg_attribute WHERE attrelid = 'feature_usage'::regclass AND attname IN ('stickers', 'video') AND NOT attisdropped;

-- An increment that was dropped, or a column, comes back with the setup.
DROP FUNCTION increment_exports(uuid, integer, text);
SELECT feature_usage_setup();
SELECT increment_exports(:user, 1, '2025-02-10');
SELECT exports FROM feature_usage WHERE period = '2025-02-10';
\c :home
DROP DATABASE feature_usage_add;

-- add_feature: one call adds a user-defined feature.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_add
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\set user '\'00000000-0000-0000-0000-000000000001\''
SELECT add_feature('video_minutes', 'month');
SELECT add_feature(p_feature_type => 'export', p_period => 'day', p_usage_column => 'exports', p_limit_column => 'exports_a_day');
SELECT feature_type, usage_column, limit_column, period FROM usage_features WHERE NOT is_builtin ORDER BY feature_type;
-- Its counter is neither NULL nor negative; its limit is 0 until one is set.
SELECT t.name AS table, a.attname AS column, format_type(a.atttypid, NULL) AS type, a.attnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid) AS default,
       col_description(t.oid, a.attnum) IS NOT NULL AS has_comment
  FROM test.relations AS t JOIN pg_attribute AS a ON a.attrelid = t.oid LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
 WHERE a.attname ~ '^(video|export)' ORDER BY t.name COLLATE "C", a.attname COLLATE "C";
-- The CHECK constraint of the counters now includes the new one, without a scan of the table: the old
-- constraint was valid for the old counters. The next setup validates it.
CREATE VIEW counter_check AS
    SELECT conname AS constraint, convalidated AS is_valid, pg_get_constraintdef(oid) AS definition
      FROM pg_constraint WHERE conrelid = 'feature_usage'::regclass AND contype = 'c' ORDER BY conname COLLATE "C";
TABLE counter_check;
SELECT test.sqlstate(format($$INSERT INTO feature_usage (user_id, period, exports) VALUES (%L, '2025-01', -1)$$, :user));
SELECT feature_usage_setup();
SELECT is_valid FROM counter_check;
-- It has an increment function like the built-in features. The function belongs to the application and
-- is dumped like any other; it runs with its caller's rights and a fixed search_path.
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
-- It raises the same errors as any increment.
SELECT increment_exports(:user, -1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_exports(:user, 1, '2025-02');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_exports(NULL, 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
-- A custom counter is a bigint.
UPDATE feature_usage SET exports = 9223372036854775807 WHERE period = '2025-02-10';
SELECT increment_exports(:user, 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM test.without_comment;

-- Repeating the same definition changes nothing.
SELECT test.fingerprint() AS before \gset
SELECT add_feature('video_minutes', 'month');
SELECT add_feature('video_minutes', 'month', 'video_minutes', 'video_minutes_limit');
SELECT add_feature('export', 'day', 'exports', 'exports_a_day');
SELECT add_feature('image_generation', 'day', 'images_generated', 'image_generation_daily_limit');
SELECT test.fingerprint() = :'before' AS is_unchanged;
-- A different definition is an error: counts would be split, or shared between features.
SELECT add_feature('video_minutes', 'day');
\echo :LAST_ERROR_SQLSTATE
SELECT statement, test.sqlstate(statement) FROM (VALUES
    (1, $$SELECT add_feature('export', 'day')$$),
    (2, $$SELECT add_feature('export', 'day', 'exports', 'another_limit')$$),
    (3, $$SELECT add_feature('another', 'day', 'exports')$$),
    (4, $$SELECT add_feature('another', 'day', 'another', 'exports_a_day')$$),
    (5, $$SELECT add_feature('another', 'day', 'images_generated')$$),
    (6, $$SELECT add_feature('voice_seconds', 'day')$$),
    (7, $$SELECT add_feature('chat', 'day')$$)
  ) AS s (n, statement) ORDER BY n;

-- Names become columns and a function, so they are validated.
SELECT add_feature('Video', 'day');
\echo :LAST_ERROR_SQLSTATE
SELECT add_feature('video', 'quarter');
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
  FROM (VALUES
    (1, 'NULL', 'NULL'),
    (2, 'empty', ''''''),
    (3, 'blank', ''' '''),
    (4, 'a space after', '''video '''),
    (5, 'a line after', 'E''video\n'''),
    (6, 'upper case', '''VIDEO'''),
    (7, 'a digit first', '''3d'''),
    (8, 'not ASCII', '''vidéo'''),
    (9, 'quotes', '''a"b''''c'''),
    (10, 'a dot', '''public.video'''),
    (11, 'SQL', '''video integer; DROP TABLE feature_usage; --'''),
    (12, 'a format', '''%I%s'''),
    (13, '51 characters', 'repeat(''v'', 51)'),
    (14, '10 kB', 'repeat(''v'', 10000)')
  ) AS bad (n, input, value) ORDER BY n;
-- Reserved: columns that the tables already have, and increment_feature_usage itself.
SELECT name, test.sqlstate(format('SELECT add_feature(''video'', ''day'', %L)', name)) AS as_counter
  FROM unnest(ARRAY['id', 'user_id', 'period', 'created_at', 'updated_at', 'feature_usage']) AS name;
SELECT name, test.sqlstate(format('SELECT add_feature(''video'', ''day'', ''video'', %L)', name)) AS as_limit
  FROM unnest(ARRAY['plan_id', 'plan_name', 'is_active', 'display_order', 'created_at', 'updated_at', 'has_video', 'features']) AS name;
-- get_user_limits() would return two limits with one name.
SELECT test.sqlstate($$SELECT add_feature('video', 'day', 'video', 'voice_seconds')$$) <> '00000' AS is_refused;
-- SQL keywords are allowed as names; the longest name has 50 characters.
BEGIN;
SELECT add_feature('select', 'day', 'order', 'table');
SELECT increment_order(:user, 1, '2025-02-10');
SELECT check_feature_limit(:user, 'select', 0, '2025-02-10') ->> 'current_usage' AS current_usage;
SELECT add_feature(repeat('v', 50), 'month', repeat('u', 50), repeat('l', 50));
SELECT increment_feature_usage(:user, repeat('v', 50), 4, '2025-02');
SELECT check_feature_limit(:user, repeat('v', 50), 0, '2025-02') ->> 'current_usage' AS current_usage;
ROLLBACK;
-- A rolled back add_feature leaves nothing behind, not even in the backend's memory.
SELECT check_feature_limit(:user, 'select', 0, '2025-02-10') ->> 'error_code' AS error_code;

-- An existing function with the increment's name is kept, and makes the call fail.
CREATE FUNCTION increment_stickers(uuid, integer, text) RETURNS void LANGUAGE sql AS 'SELECT';
SELECT add_feature('stickers', 'day');
\echo :LAST_ERROR_SQLSTATE
-- A column of another type makes it fail too.
ALTER TABLE feature_usage ADD stamps text;
SELECT add_feature('stamps', 'day');
\echo :LAST_ERROR_SQLSTATE
-- The failed calls have left nothing behind.
SELECT feature_type FROM usage_features WHERE NOT is_builtin ORDER BY feature_type;
SELECT attname FROM pg_attribute WHERE attrelid = 'feature_usage'::regclass AND attname IN ('stickers', 'video') AND NOT attisdropped;

-- Counters hold more than an integer; the increments take an integer, like those of built-in features.
UPDATE feature_usage SET exports = 9000000000 WHERE period = '2025-02-10';
UPDATE plan_limits SET exports_a_day = 9000000001;
SELECT check_feature_limit(:user, 'export', 1, '2025-02-10') ->> 'remaining' AS remaining;
UPDATE feature_usage SET exports = 3 WHERE period = '2025-02-10';
-- An existing column of type integer or bigint is kept as it is, and becomes a counter.
ALTER TABLE feature_usage ADD tokens bigint, ADD pages integer, ADD minutes smallint, ADD bytes bigint;
ALTER TABLE plan_limits ADD tokens_limit integer;
UPDATE feature_usage SET tokens = 5000000000, bytes = -1 WHERE period = '2025-02-10';
SELECT add_feature('tokens', 'day');
SELECT add_feature('pages', 'day');
SELECT add_feature('minutes', 'month');
SELECT a.attname AS column, format_type(a.atttypid, NULL) AS type, a.attnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid) AS default
  FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid IN ('feature_usage'::regclass, 'plan_limits'::regclass) AND a.attname ~ '^(tokens|pages|minutes)' ORDER BY a.attname COLLATE "C", a.attrelid;
SELECT period, tokens, pages, minutes FROM feature_usage ORDER BY period;
TABLE counter_check;
-- Negative counts in it are refused: they would allow more than the limit.
SELECT add_feature('bytes', 'day');
\echo :LAST_ERROR_SQLSTATE
SELECT feature_type FROM usage_features WHERE NOT is_builtin ORDER BY feature_type;

-- Dropping a counter column drops the CHECK constraint of all counters. The setup restores both, and
-- finds invalid counts that were written meanwhile.
ALTER TABLE feature_usage DROP bytes, DROP pages;
TABLE counter_check;
UPDATE feature_usage SET tokens = -7, minutes = -8 WHERE period = '2025-02-10';
SELECT feature_usage_setup();
\echo :LAST_ERROR_SQLSTATE
SELECT add_feature('bytes', 'day');
\echo :LAST_ERROR_SQLSTATE
UPDATE feature_usage SET tokens = 7, minutes = 8 WHERE period = '2025-02-10';
SELECT feature_usage_setup();
TABLE counter_check;
-- The same if the CHECK constraint is NOT VALID and rows were written before it was added.
ALTER TABLE feature_usage DROP CONSTRAINT feature_usage_counters_not_negative;
UPDATE feature_usage SET pages = -1 WHERE period = '2025-02-10';
ALTER TABLE feature_usage ADD CONSTRAINT feature_usage_counters_not_negative
    CHECK (LEAST(chat_messages, images_generated, insights_count, therai_calls, voice_seconds, exports, minutes, pages, tokens, video_minutes) >= 0) NOT VALID;
SELECT feature_usage_setup();
UPDATE feature_usage SET pages = 1 WHERE period = '2025-02-10';
SELECT feature_usage_setup();
SELECT is_valid FROM counter_check;
-- A constraint with the right name but another condition is not enough.
ALTER TABLE feature_usage DROP CONSTRAINT feature_usage_counters_not_negative;
ALTER TABLE feature_usage ADD CONSTRAINT feature_usage_counters_not_negative
    CHECK (LEAST(chat_messages, images_generated, insights_count, therai_calls, voice_seconds, exports, minutes, pages, tokens + 100, video_minutes) >= 0);
UPDATE feature_usage SET tokens = -7 WHERE period = '2025-02-10';
SELECT feature_usage_setup();
UPDATE feature_usage SET tokens = 7 WHERE period = '2025-02-10';
SELECT feature_usage_setup();
TABLE counter_check;

-- A feature deleted from the registry stays deleted; its counts are kept, and used again if it is added
-- again.
DELETE FROM usage_features WHERE feature_type = 'tokens';
SELECT feature_usage_setup();
SELECT feature_type FROM usage_features WHERE feature_type = 'tokens';
SELECT add_feature('tokens', 'day');
SELECT tokens FROM feature_usage WHERE period = '2025-02-10';
-- A built-in feature is restored.
DELETE FROM usage_features WHERE feature_type = 'chat';
SELECT feature_usage_setup();
SELECT usage_column, limit_column, period, is_builtin FROM usage_features WHERE feature_type = 'chat';
-- If the tables are missing, the error of add_feature() says how to restore them.
BEGIN;
DROP TABLE plan_limits;
SELECT add_feature('more', 'day');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
-- A function with the increment's body, but other rights or an untrusted owner, is refused.
ALTER FUNCTION increment_exports(uuid, integer, text) SECURITY DEFINER;
SELECT add_feature('export', 'day', 'exports', 'exports_a_day');
\echo :LAST_ERROR_SQLSTATE
ALTER FUNCTION increment_exports(uuid, integer, text) SECURITY INVOKER;
CREATE ROLE regress_add_stranger;
ALTER FUNCTION increment_exports(uuid, integer, text) OWNER TO regress_add_stranger;
SELECT test.sqlstate($$SELECT add_feature('export', 'day', 'exports', 'exports_a_day')$$);
SELECT test.sqlstate($$SELECT feature_usage_setup()$$);
ALTER FUNCTION increment_exports(uuid, integer, text) OWNER TO CURRENT_USER;
DROP ROLE regress_add_stranger;

-- The setup restores a dropped increment function or column.
DROP FUNCTION increment_exports(uuid, integer, text);
SELECT feature_usage_setup();
SELECT increment_exports(:user, 1, '2025-02-10');
SELECT exports FROM feature_usage WHERE period = '2025-02-10';
\c :home
DROP DATABASE feature_usage_add;

-- Without its tables, every function says what to do about it. That is also the state right after
-- a restore has run CREATE EXTENSION: the tables come from the dump, with row_security off.
\getenv dir PG_ABS_SRCDIR
\set home :DBNAME
CREATE DATABASE feature_usage_missing;
\c feature_usage_missing
\set ECHO none
\i :dir/helpers.sql
\set ECHO all
SET row_security = off;
CREATE EXTENSION feature_usage;
RESET row_security;
SELECT name FROM test.relations ORDER BY name;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_feature_usage('00000000-0000-0000-0000-000000000001', 'chat', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'chat');
\echo :LAST_ERROR_SQLSTATE
SELECT get_user_limits('00000000-0000-0000-0000-000000000001');
\echo :LAST_ERROR_SQLSTATE
-- The setup repairs it, and asks for nothing.
SELECT feature_usage_setup();
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'remaining' AS remaining;

-- One table after the other goes missing, in a backend that has already used it.
DROP TABLE user_plans;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT get_user_limits('00000000-0000-0000-0000-000000000001');
\echo :LAST_ERROR_SQLSTATE
SELECT feature_usage_setup();
DROP TABLE plan_limits;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT feature_usage_setup();
DROP TABLE feature_usage;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT feature_usage_setup();
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'remaining' AS remaining;

-- A column that is missing is the same kind of damage.
ALTER TABLE feature_usage DROP COLUMN images_generated;
SELECT test.sqlstate($$SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10')$$);
SELECT feature_usage_setup();
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT images_generated FROM feature_usage;
SELECT * FROM test.without_comment;

-- Arguments are looked at before the tables are.
DROP TABLE feature_usage, plan_limits, user_plans;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', -1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'videos');
\c :home
DROP DATABASE feature_usage_missing;

-- A schema's name may need quotes, and may contain characters that are special to format() and RAISE.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_quoted
\i :dir/begin.sql
CREATE SCHEMA "Usage & limits, 50%Is off";
CREATE EXTENSION feature_usage SCHEMA "Usage & limits, 50%Is off";
SET search_path = "Usage & limits, 50%Is off";
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 2, '2025-02-10');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'remaining' AS remaining;
SELECT get_user_limits('00000000-0000-0000-0000-000000000001') #>> '{limits,plan_id}' AS plan_id;
SELECT add_feature('video_minutes', 'month');
SELECT increment_video_minutes('00000000-0000-0000-0000-000000000001', 3, '2025-02');
SELECT feature_usage_setup();
SELECT migrate_image_generation_log();
SELECT period, images_generated, video_minutes FROM feature_usage ORDER BY period;
SELECT * FROM test.without_comment;
DROP TABLE user_plans;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
RESET search_path;
\c :home
DROP DATABASE feature_usage_quoted;

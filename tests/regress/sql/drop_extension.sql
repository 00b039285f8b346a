-- DROP EXTENSION drops the functions, but no table. Creating it again continues with all features, even
-- custom ones.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_drop
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
SELECT add_feature('video_minutes', 'month', 'video_count', 'video_cap');
SELECT add_feature('exports', 'day');
UPDATE plan_limits SET video_cap = 60, image_generation_daily_limit = 30;
INSERT INTO user_plans VALUES ('00000000-0000-0000-0000-000000000001', NULL, NULL, NULL, 'infinity');
SELECT increment_video_count('00000000-0000-0000-0000-000000000001', 12, '2025-02');
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 3, '2025-02-10');
SELECT reserve_feature('00000000-0000-0000-0000-000000000001', 'exports', 0, p_idempotency_key => 'first') ->> 'allowed' AS allowed;
SELECT test.fingerprint() AS before, check_feature_limit('00000000-0000-0000-0000-000000000001', 'video_minutes', 1, '2025-02') AS answer \gset
DROP EXTENSION feature_usage;
SELECT test.fingerprint() = :'before' AS is_unchanged;
SELECT to_regproc('check_feature_limit') AS check_feature_limit, to_regproc('increment_images_generated') AS increment_images_generated,
       to_regclass('usage_features') AS usage_features;
-- The registry's triggers were dropped with their function; writing to the registry still works.
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'usage_features'::regclass;
INSERT INTO usage_features VALUES ('later', 'later', 'later_limit', 'day');
DELETE FROM usage_features WHERE feature_type = 'later';
SELECT to_regnamespace('feature_usage_internal') AS feature_usage_internal;
-- Row-level security stays enabled after the extension is dropped.
SELECT relname, relrowsecurity FROM pg_class WHERE relname IN ('feature_usage', 'plan_limits', 'user_plans', 'feature_reservations', 'feature_idempotency_keys', 'usage_features') ORDER BY relname;

CREATE EXTENSION feature_usage;
SELECT test.fingerprint() = :'before' AS is_unchanged;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'video_minutes', 1, '2025-02') = :'answer'::jsonb AS is_same_answer;
SELECT feature_type, usage_column, limit_column, period, is_builtin FROM usage_features WHERE NOT is_builtin ORDER BY feature_type;
SELECT increment_video_count('00000000-0000-0000-0000-000000000001', 1, '2025-02');
SELECT increment_exports('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT period, video_count, exports, images_generated FROM feature_usage WHERE period LIKE '2025%' ORDER BY period;
-- The reservation can still be committed, and the idempotency key is still used.
SELECT answer ->> 'committed' AS committed FROM feature_reservations, commit_reservation(reservation_id) AS answer;
SELECT reserve_feature('00000000-0000-0000-0000-000000000001', 'exports', 0, p_idempotency_key => 'first') ->> 'replayed' AS replayed;

-- The increments of custom features outlive the extension: they are dumped like any user-defined
-- function.
SELECT name FROM test.functions WHERE NOT is_member ORDER BY name;
SELECT * FROM test.without_comment;
-- So does a feature whose column existed before, with its own comment.
ALTER TABLE feature_usage ADD stickers integer;
COMMENT ON COLUMN feature_usage.stickers IS 'The app''s own words.';
SELECT add_feature('stickers', 'day');
DROP EXTENSION feature_usage;
CREATE EXTENSION feature_usage;
SELECT feature_type FROM usage_features WHERE NOT is_builtin ORDER BY feature_type;
-- A feature deleted from the registry meanwhile stays deleted.
DROP EXTENSION feature_usage;
DELETE FROM usage_features WHERE feature_type = 'stickers';
CREATE EXTENSION feature_usage;
SELECT feature_type FROM usage_features WHERE NOT is_builtin ORDER BY feature_type;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'usage_features'::regclass;
-- Only the extension's own objects depend on it, so CASCADE is never needed.
DROP EXTENSION feature_usage RESTRICT;
SELECT count(*) AS rows FROM feature_usage;
\c :home
DROP DATABASE feature_usage_drop;

-- The extension can be installed in any schema. Its tables are in the same one, and the functions find
-- them without a search_path.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_schema
\i :dir/begin.sql
CREATE SCHEMA usage_of_features;
CREATE EXTENSION feature_usage SCHEMA usage_of_features;
SELECT name, kind FROM test.relations ORDER BY name;
SELECT count(*) AS relations_in_public FROM pg_class WHERE relnamespace = 'public'::regnamespace;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SET search_path = '';
SELECT usage_of_features.increment_images_generated('00000000-0000-0000-0000-000000000001', 2, '2025-02-10');
SELECT usage_of_features.check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'remaining' AS remaining;
SELECT usage_of_features.get_user_limits('00000000-0000-0000-0000-000000000001') #>> '{limits,plan_id}' AS plan_id;
SELECT usage_of_features.add_feature('video_minutes', 'month');
SELECT usage_of_features.increment_video_minutes('00000000-0000-0000-0000-000000000001', 3, '2025-02');
SELECT period, images_generated, video_minutes FROM usage_of_features.feature_usage ORDER BY period;
SELECT usage_of_features.consume_feature('00000000-0000-0000-0000-000000000002', 'chat', 1, 'k') ->> 'consumed' AS consumed;
SELECT usage_of_features.reserve_feature('00000000-0000-0000-0000-000000000002', 'chat', 2) ->> 'reservation_id' AS id \gset
SELECT usage_of_features.commit_reservation(:'id', 1) ->> 'actual' AS actual;
SELECT usage_of_features.release_reservation(:'id') ->> 'error_code' AS error_code;
SELECT usage_of_features.expire_reservations();
SELECT usage_of_features.record_usage('[{"user_id": "00000000-0000-0000-0000-000000000002", "feature_type": "chat", "amount": 1, "idempotency_key": "k"}]');
SELECT usage_of_features.prune_feature_usage();
SELECT usage_of_features.check_feature_limit('00000000-0000-0000-0000-000000000002', 'chat', 0) ->> 'current_usage' AS current_usage;
-- The log of images is in public, like an application's tables.
CREATE TABLE public.image_generation_log (user_id uuid, created_at timestamptz);
INSERT INTO public.image_generation_log VALUES ('00000000-0000-0000-0000-000000000001', '2025-02-10 12:00:00+00');
SELECT usage_of_features.migrate_image_generation_log(true);
SELECT period, images_generated FROM usage_of_features.feature_usage WHERE period = '2025-02-10';
SELECT name, rights FROM test.function_rights WHERE role = 'public' AND rights <> '-';
SELECT name, rights FROM test.table_rights WHERE role = 'public' AND rights <> '-------';
SELECT * FROM test.without_comment;
-- Renaming the schema works, even for a backend that has used the extension before.
ALTER SCHEMA usage_of_features RENAME TO usage;
SELECT usage.check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'current_usage' AS current_usage;
-- The extension is not relocatable, since its functions name their schema.
ALTER EXTENSION feature_usage SET SCHEMA public;
\echo :LAST_ERROR_SQLSTATE
RESET search_path;
DROP EXTENSION feature_usage;
DROP SCHEMA usage CASCADE;
\c :home
DROP DATABASE feature_usage_schema;

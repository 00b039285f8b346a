-- If auth.users exists, usage and plans reference its users, and are deleted with them.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_users
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
SET ROLE app_owner;
CREATE EXTENSION feature_usage;
SELECT conrelid::regclass AS table, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE contype = 'f' ORDER BY conrelid::regclass::text;
INSERT INTO auth.users VALUES ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000002');
INSERT INTO user_plans (user_id) VALUES ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000002');
SET ROLE service_role;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT increment_images_generated('00000000-0000-0000-0000-000000000002', 1, '2025-02-10');
-- Usage of a user that does not exist cannot be counted; a check of one answers for the free plan.
SELECT test.sqlstate($$SELECT increment_images_generated('ffffffff-ffff-ffff-ffff-ffffffffffff', 1, '2025-02-10')$$);
SELECT check_feature_limit('ffffffff-ffff-ffff-ffff-ffffffffffff', 'image_generation', 1, '2025-02-10') ->> 'limit' AS limit;
SET ROLE app_owner;
DELETE FROM auth.users WHERE right(id::text, 1) = '1';
SELECT right(user_id::text, 1) AS user, images_generated FROM feature_usage;
SELECT right(user_id::text, 1) AS user FROM user_plans;

-- Admission of a user that does not exist is an error too, unless it is denied.
SET ROLE service_role;
SELECT test.sqlstate($$SELECT consume_feature('ffffffff-ffff-ffff-ffff-ffffffffffff', 'image_generation')$$);
SELECT test.sqlstate($$SELECT reserve_feature('ffffffff-ffff-ffff-ffff-ffffffffffff', 'image_generation', p_idempotency_key => 'k')$$);
SELECT test.sqlstate($$SELECT record_usage('[{"user_id": "ffffffff-ffff-ffff-ffff-ffffffffffff", "feature_type": "chat", "amount": 1}]')$$);
SELECT consume_feature('ffffffff-ffff-ffff-ffff-ffffffffffff', 'insights') ->> 'error_code' AS error_code;
SELECT (SELECT count(*) FROM feature_reservations) AS reservations, (SELECT count(*) FROM feature_idempotency_keys) AS keys;
RESET ROLE;
SET ROLE app_owner;

-- Log entries of a deleted user are not counted.
CREATE TABLE image_generation_log (user_id uuid, created_at timestamptz);
INSERT INTO image_generation_log VALUES
    ('00000000-0000-0000-0000-000000000001', '2025-02-10 12:00:00+00'), ('00000000-0000-0000-0000-000000000002', '2025-02-10 12:00:00+00');
SELECT migrate_image_generation_log();
SELECT right(user_id::text, 1) AS user, images_generated FROM feature_usage;
SELECT right(user_id::text, 1) AS user, counted_in_feature_usage FROM image_generation_log ORDER BY user_id;

-- An existing table keeps counts of deleted users; the warning says what to do.
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, user_plans, image_generation_log;
CREATE TABLE feature_usage (user_id uuid NOT NULL, period text NOT NULL, voice_seconds integer, PRIMARY KEY (user_id, period));
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02', 5), ('00000000-0000-0000-0000-000000000002', '2025-02', 6);
CREATE EXTENSION feature_usage;
SELECT right(user_id::text, 1) AS user, voice_seconds FROM feature_usage ORDER BY user_id;
SELECT conrelid::regclass AS table, convalidated AS is_valid FROM pg_constraint WHERE contype = 'f' ORDER BY conrelid::regclass::text;
SELECT test.sqlstate($$SELECT increment_images_generated('ffffffff-ffff-ffff-ffff-ffffffffffff', 1, '2025-02-10')$$);
-- A user-defined foreign key is kept, whatever its ON DELETE action.
DROP EXTENSION feature_usage;
DROP TABLE feature_usage, user_plans;
CREATE TABLE feature_usage (user_id uuid NOT NULL REFERENCES auth.users, period text NOT NULL, PRIMARY KEY (user_id, period));
CREATE EXTENSION feature_usage;
SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE contype = 'f' AND conrelid = 'feature_usage'::regclass;
RESET ROLE;
\c :home
DROP DATABASE feature_usage_users;

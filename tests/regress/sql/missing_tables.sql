-- If tables are missing, every function's error says how to restore them. That is the state while a
-- restore is running, after its CREATE EXTENSION: the tables come from the dump, with row_security off.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_missing
\i :dir/begin.sql
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
-- The setup repairs it without arguments.
SELECT feature_usage_setup();
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'remaining' AS remaining;

-- One table after the other is dropped, in a backend that has already used it.
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

-- Missing tables of reservations and idempotency keys are reported when they are needed.
DROP TABLE feature_reservations;
SELECT reserve_feature('00000000-0000-0000-0000-000000000001', 'chat');
\echo :LAST_ERROR_SQLSTATE
SELECT commit_reservation('00000000-0000-0000-0000-000000000001');
\echo :LAST_ERROR_SQLSTATE
SELECT release_reservation('00000000-0000-0000-0000-000000000001');
\echo :LAST_ERROR_SQLSTATE
SELECT expire_reservations();
\echo :LAST_ERROR_SQLSTATE
SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'chat') ->> 'consumed' AS consumed;
SELECT feature_usage_setup();
SELECT reserve_feature('00000000-0000-0000-0000-000000000001', 'chat') ->> 'reserved' AS reserved;
DROP TABLE feature_idempotency_keys;
SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'chat', 1, 'k');
\echo :LAST_ERROR_SQLSTATE
SELECT reserve_feature('00000000-0000-0000-0000-000000000001', 'chat', p_idempotency_key => 'k');
\echo :LAST_ERROR_SQLSTATE
SELECT record_usage('[{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat", "amount": 1, "idempotency_key": "k"}]');
\echo :LAST_ERROR_SQLSTATE
SELECT record_usage('[{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "therai_calls", "amount": 1}]');
SELECT test.sqlstate('SELECT prune_feature_usage()');
SELECT feature_usage_setup();
SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'chat', 1, 'k') ->> 'current_usage' AS current_usage;
-- So is the missing table of counts, for a known reservation.
DROP TABLE feature_reservations;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'chat');
\echo :LAST_ERROR_SQLSTATE
SELECT test.sqlstate($$SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'therai_calls', 0)$$);
SELECT feature_usage_setup();
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'chat') ->> 'reserved' AS reserved;

-- A missing column is reported in the same way.
ALTER TABLE feature_usage DROP COLUMN images_generated;
SELECT test.sqlstate($$SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10')$$);
SELECT feature_usage_setup();
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT images_generated FROM feature_usage;
SELECT * FROM test.without_comment;

ALTER TABLE feature_reservations DROP COLUMN late;
SELECT test.sqlstate($$SELECT commit_reservation('00000000-0000-0000-0000-000000000001')$$);
ALTER TABLE feature_idempotency_keys DROP COLUMN result;
SELECT test.sqlstate($$SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'therai_calls', 1, 'k')$$);
SELECT feature_usage_setup();
SELECT test.sqlstate($$SELECT commit_reservation('00000000-0000-0000-0000-000000000001')$$);
SELECT test.sqlstate($$SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'therai_calls', 1, 'k')$$);

-- A registry without rows, as after a restore of the schema alone: there is no feature at all.
BEGIN;
TRUNCATE usage_features;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, 'current');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
TRUNCATE usage_features;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'chat');
ROLLBACK;

-- Arguments are checked before tables.
DROP TABLE feature_usage, plan_limits, user_plans, feature_reservations, feature_idempotency_keys;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', -1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'videos');
SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'videos') ->> 'error_code' AS error_code;
SELECT test.sqlstate($$SELECT commit_reservation(NULL)$$), test.sqlstate($$SELECT record_usage('{}')$$), test.sqlstate($$SELECT reserve_feature('00000000-0000-0000-0000-000000000001', 'chat', 1, '0')$$);
\c :home
DROP DATABASE feature_usage_missing;

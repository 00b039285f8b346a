-- Counters of type bigint, of existing tables and of custom features: every function counts beyond the
-- range of integer, and overflow is the extension's own error.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_wide_counters
\i :dir/begin.sql
CREATE TABLE feature_usage (user_id uuid, period text, voice_seconds bigint, insights_count integer, PRIMARY KEY (user_id, period));
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
SELECT add_feature('tokens', 'month');
SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
 WHERE attrelid = 'feature_usage'::regclass AND attname IN ('voice_seconds', 'insights_count', 'images_generated', 'tokens') ORDER BY attname;
UPDATE plan_limits SET tokens_limit = 9000000000, voice_seconds_limit = NULL;
SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') AS month \gset

SELECT count(increment_tokens(:user, 2147483647, :'month')) FROM generate_series(1, 3);
SELECT test.brief(check_feature_limit(:user, 'tokens', 2147483647));
SELECT test.brief(consume_feature(:user, 'tokens', 2147483647));
SELECT test.brief(consume_feature(:user, 'tokens', 2147483647));
SELECT reserve_feature(:user, 'tokens', 1000) ->> 'reservation_id' AS id \gset
SELECT commit_reservation(:'id', 2000) -> 'committed';
SELECT record_usage(jsonb_build_array(
    jsonb_build_object('user_id', :user, 'feature_type', 'tokens', 'amount', 2147483647),
    jsonb_build_object('user_id', :user, 'feature_type', 'tokens', 'amount', 2147483647),
    jsonb_build_object('user_id', :user, 'feature_type', 'insights', 'amount', 1)));
SELECT voice_seconds, insights_count, tokens FROM feature_usage;
SELECT get_user_limits(:user) -> 'usage' -> 'tokens', get_user_limits(:user) -> 'limits' -> 'tokens';
SELECT reserve_feature(:user, 'voice_seconds', 2147483647, '1 second') -> 'allowed' FROM generate_series(1, 3);
SELECT test.brief(check_feature_limit(:user, 'voice_seconds'));
SELECT pg_sleep(1.1);
SELECT test.brief(consume_feature(:user, 'voice_seconds'));

-- The maximum of bigint.
UPDATE feature_usage SET tokens = 9223372036854775807, voice_seconds = 9223372036854775807;
SELECT increment_tokens(:user, 1, :'month');
\echo :LAST_ERROR_SQLSTATE
SELECT consume_feature(:user, 'voice_seconds', 1);
\echo :LAST_ERROR_SQLSTATE
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', :user, 'feature_type', 'tokens', 'amount', 1)));
\echo :LAST_ERROR_SQLSTATE
SELECT test.brief(check_feature_limit(:user, 'tokens', 1));
SELECT voice_seconds, insights_count, tokens FROM feature_usage;

-- A dropped counter column is an error for its own feature only.
ALTER TABLE feature_usage DROP COLUMN tokens;
SELECT record_usage(jsonb_build_array(
    jsonb_build_object('user_id', :user, 'feature_type', 'chat', 'amount', 2),
    jsonb_build_object('user_id', :user, 'feature_type', 'insights', 'amount', 1)));
SELECT consume_feature(:user, 'chat', 0) -> 'current_usage';
SELECT get_user_limits(:user) -> 'usage' -> 'tokens';
SELECT record_usage(jsonb_build_array(
    jsonb_build_object('user_id', :user, 'feature_type', 'chat', 'amount', 2),
    jsonb_build_object('user_id', :user, 'feature_type', 'tokens', 'amount', 1)));
\echo :LAST_ERROR_SQLSTATE
SELECT consume_feature(:user, 'tokens');
\echo :LAST_ERROR_SQLSTATE
SELECT feature_usage_setup();
SELECT consume_feature(:user, 'tokens', 5) -> 'current_usage';
\c :home
DROP DATABASE feature_usage_wide_counters;

-- Every call is refused if Citus distributes a table: it has no rows on this node, so every count would
-- appear to be 0. This test uses a fake Citus catalog.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_distributed_calls
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
SELECT consume_feature(:user, 'chat') -> 'allowed';
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass NOT NULL);
GRANT SELECT ON pg_catalog.pg_dist_partition TO PUBLIC;
RESET allow_system_table_mods;

-- Citus with local tables only is allowed.
CREATE TABLE elsewhere ();
INSERT INTO pg_dist_partition VALUES ('elsewhere');
\c
SELECT consume_feature(:user, 'chat') -> 'allowed';

INSERT INTO pg_dist_partition VALUES ('feature_usage');
-- Distributing a table changes its relcache entry; the fake has to do so explicitly.
COMMENT ON TABLE feature_usage IS 'distributed';
ALTER TABLE feature_usage SET (fillfactor = 60);
SELECT check_feature_limit(:user, 'chat');
\echo :LAST_ERROR_SQLSTATE
SELECT test.outcome(call)
  FROM unnest(ARRAY[
        'increment_chat_messages(''00000000-0000-0000-0000-000000000001'', 1, ''2025-02-10'')::text',
        'get_user_limits(''00000000-0000-0000-0000-000000000001'')',
        'consume_feature(''00000000-0000-0000-0000-000000000001'', ''chat'')',
        'reserve_feature(''00000000-0000-0000-0000-000000000001'', ''chat'')',
        'commit_reservation(gen_random_uuid())',
        'release_reservation(gen_random_uuid())',
        'expire_reservations()',
        'record_usage(''[]'')']) AS call;
\c
SELECT check_feature_limit(:user, 'chat');
DELETE FROM pg_dist_partition WHERE logicalrelid = 'feature_usage'::regclass;
INSERT INTO pg_dist_partition VALUES ('plan_limits');
\c
SELECT check_feature_limit(:user, 'chat');
DELETE FROM pg_dist_partition WHERE logicalrelid = 'plan_limits'::regclass;
SELECT check_feature_limit(:user, 'chat') -> 'current_usage';
\c :home
DROP DATABASE feature_usage_distributed_calls;

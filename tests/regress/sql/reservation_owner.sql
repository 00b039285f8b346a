-- The owner of a reservation: part of the id, and checked with p_user_id.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_reservation_owner
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
\set other '\'00000000-0000-0000-0000-000000000002\''
UPDATE plan_limits SET insights_limit = NULL;

-- The last 16 bits of the id are those of the user's hash, in a pool of the pool's, so a router for several
-- databases can find the reservation.
CREATE FUNCTION bits(id uuid) RETURNS integer LANGUAGE sql AS
    'SELECT get_byte(uuid_send(id), 14) * 256 + get_byte(uuid_send(id), 15)';
CREATE TABLE reserved AS
    SELECT user_id, (reserve_feature(user_id, 'insights') ->> 'reservation_id')::uuid AS id
      FROM (SELECT gen_random_uuid() AS user_id FROM generate_series(1, 200)) AS users, generate_series(1, 2);
SELECT count(*), count(DISTINCT id), bool_and(bits(id) = uuid_hash(user_id) & 65535),
       bool_and(substr(id::text, 15, 1) = '7' AND substr(id::text, 20, 1) IN ('8', '9', 'a', 'b'))
  FROM reserved;
INSERT INTO usage_pools (pool_id, plan_id)
SELECT gen_random_uuid(), 'free' FROM generate_series(1, 50);
INSERT INTO usage_pool_members (pool_id, user_id) SELECT pool_id, :user FROM usage_pools;
SELECT count(*), bool_and(bits(id) = uuid_hash(pool_id) & 65535), bool_and(bits(id) = uuid_hash(:user) & 65535) AS of_user
  FROM (SELECT pool_id, (reserve_feature(:user, 'insights', p_pool_id => pool_id) ->> 'reservation_id')::uuid AS id
          FROM usage_pools) AS reserved;

-- Only the user's own reservation is found; another user's is not changed.
SELECT reserve_feature(:user, 'insights', 4) ->> 'reservation_id' AS id \gset
SELECT test.fingerprint() AS before \gset
SELECT test.sqlstate(format('SELECT commit_reservation(%L, 4, %L)', :'id', :other));
SELECT test.sqlstate(format('SELECT release_reservation(%L, p_user_id => %L)', :'id', :other));
SELECT test.fingerprint() = :'before';
SELECT commit_reservation(:'id', p_user_id => :user) - 'reservation_id' - 'period';
SELECT release_reservation(:'id', :user) -> 'error_code';
SELECT release_reservation(:'id', NULL) -> 'error_code';

-- An id of two users' reservations, which no function makes.
INSERT INTO feature_reservations (reservation_id, user_id, feature_type, period, amount, status, expires_at)
SELECT '00000000-0000-7000-8000-000000000009', user_id, 'insights', '2025-02', 1, 'reserved', 'infinity'
  FROM unnest(ARRAY[:user, :other]::uuid[]) AS user_id;
SELECT commit_reservation('00000000-0000-7000-8000-000000000009');
\echo :LAST_ERROR_SQLSTATE
SELECT commit_reservation('00000000-0000-7000-8000-000000000009', p_user_id => :other) -> 'committed';
SELECT user_id, status FROM feature_reservations WHERE reservation_id = '00000000-0000-7000-8000-000000000009' ORDER BY user_id;

-- A denied call with an idempotency key writes nothing.
UPDATE plan_limits SET insights_limit = 0;
\c
BEGIN;
SELECT consume_feature('00000000-0000-0000-0000-000000000003', 'insights', 1, 'key') -> 'error_code';
SELECT reserve_feature('00000000-0000-0000-0000-000000000003', 'insights', 1, p_idempotency_key => 'key') -> 'error_code';
SELECT consume_feature(:user, 'insights', 1, 'key') -> 'error_code';
SELECT relname, pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid)
  FROM pg_class WHERE relname IN ('feature_usage', 'feature_reservations', 'feature_idempotency_keys') ORDER BY relname;
COMMIT;

-- Trials that end in the last years that Postgres supports, and in the first.
UPDATE plan_limits SET insights_limit = 9;
INSERT INTO user_plans (user_id, plan_id, trial_end_date) VALUES (:other, 'free', '294276-12-31 23:59:59+00');
SELECT check_feature_limit(:other, 'insights') -> 'allowed';
UPDATE user_plans SET trial_end_date = '294247-01-11 00:00:00+00';
SELECT check_feature_limit(:other, 'insights') -> 'allowed', consume_feature(:other, 'insights') -> 'allowed';
UPDATE user_plans SET trial_end_date = '4713-01-01 00:00:00+00 BC';
SELECT check_feature_limit(:other, 'insights') - 'period' - 'reset_at';
\c :home
DROP DATABASE feature_usage_reservation_owner;

-- Admission through the API: the server calls it; signed-in users read their own reservations, and
-- their checks include them; nobody else reads or calls anything.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_admission_rights
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
SET ROLE app_owner;
CREATE EXTENSION feature_usage;
INSERT INTO auth.users VALUES ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000002');
UPDATE plan_limits SET insights_limit = 10;

-- The server consumes, reserves, settles and prunes.
SET ROLE service_role;
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000001', 'insights', 1, 'k'));
SELECT test.brief(consume_feature('00000000-0000-0000-0000-000000000001', 'insights', 1, 'k'));
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000001', 'insights', 2));
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000001', 'insights', 3, p_idempotency_key => 'k'));
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000002', 'insights', 4));
SELECT record_usage('[{"user_id": "00000000-0000-0000-0000-000000000002", "feature_type": "insights", "amount": 1, "idempotency_key": "k"}]');
SELECT test.brief(commit_reservation(reservation_id, 1)) FROM feature_reservations WHERE amount = 2;
SELECT expire_reservations();
SELECT prune_feature_usage();
SELECT count(*) AS reservations FROM feature_reservations;
SELECT count(*) AS keys FROM feature_idempotency_keys;

-- User 1 is signed in, and reads two reservations and the reserved amount. A check of another user
-- shows nothing.
SET ROLE authenticated;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "authenticated"}', false) IS NOT NULL AS is_signed_in;
SELECT right(user_id::text, 1) AS user, amount, status FROM feature_reservations ORDER BY amount;
SELECT test.brief(check_feature_limit('00000000-0000-0000-0000-000000000001', 'insights', 1));
SELECT test.brief(check_feature_limit('00000000-0000-0000-0000-000000000002', 'insights', 1));
SELECT get_user_limits('00000000-0000-0000-0000-000000000001') #> '{usage,insights_count}' AS insights, get_user_limits('00000000-0000-0000-0000-000000000002') #> '{usage,insights_count}' AS of_another;
-- The check also excludes expired reservations.
RESET ROLE;
UPDATE feature_reservations SET expires_at = now() WHERE amount = 3;
SET ROLE authenticated;
SELECT test.brief(check_feature_limit('00000000-0000-0000-0000-000000000001', 'insights', 1));
SELECT get_user_limits('00000000-0000-0000-0000-000000000001') #> '{usage,insights_count}' AS insights;
-- Every way to write, and to read the server's data: 42501 is insufficient privilege.
CREATE TEMP TABLE attempts (n serial, statement text);
GRANT SELECT ON attempts TO anon;
INSERT INTO attempts (statement) VALUES
    ($$SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'insights')$$),
    ($$SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'insights', 0, 'k')$$),
    ($$SELECT reserve_feature('00000000-0000-0000-0000-000000000001', 'insights')$$),
    ($$SELECT commit_reservation('00000000-0000-0000-0000-000000000001', 0)$$),
    ($$SELECT release_reservation('00000000-0000-0000-0000-000000000001')$$),
    ($$SELECT expire_reservations()$$),
    ($$SELECT record_usage('[]')$$),
    ($$SELECT prune_feature_usage('0', '0')$$),
    ($$UPDATE feature_reservations SET status = 'released'$$),
    ($$UPDATE feature_reservations SET expires_at = '2020-01-01'$$),
    ($$DELETE FROM feature_reservations$$),
    ($$INSERT INTO feature_reservations (user_id, period, feature_type, amount, status, expires_at) VALUES ('00000000-0000-0000-0000-000000000001', '2025-02', 'insights', 9, 'reserved', '2020-01-01')$$),
    ($$SELECT amount FROM feature_reservations FOR UPDATE$$),
    ($$SELECT key FROM feature_idempotency_keys$$),
    ($$DELETE FROM feature_idempotency_keys$$),
    ($$INSERT INTO feature_idempotency_keys VALUES ('00000000-0000-0000-0000-000000000001', 'consume', 'x', '{}', '{"allowed": true}')$$);
SELECT statement, test.sqlstate(statement) FROM attempts ORDER BY n;
-- Claims without a user, or no claims: no user is signed in.
CREATE FUNCTION pg_temp.rows_with(claims text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', claims, false);
    RETURN (SELECT count(*) FROM feature_reservations);
END
$$;
SELECT claims, pg_temp.rows_with(claims) AS rows
  FROM unnest(ARRAY['{"sub": "00000000-0000-0000-0000-000000000002"}', '{}', '', '{"sub": ""}', '{"sub": null}',
                    '{"sub": "ffffffff-ffff-ffff-ffff-ffffffffffff"}']) AS claims;
-- anon has no rights, even with claims.
SET ROLE anon;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "anon"}', false) IS NOT NULL AS has_claims;
SELECT statement, test.sqlstate(statement) FROM attempts WHERE test.sqlstate(statement) <> '42501' ORDER BY n;
SELECT test.sqlstate('SELECT amount FROM feature_reservations');
RESET ROLE;
-- Nothing of what was refused has happened.
SELECT right(user_id::text, 1) AS user, amount, status, actual FROM feature_reservations ORDER BY amount;
SELECT right(user_id::text, 1) AS user, insights_count FROM feature_usage ORDER BY user_id;
SELECT right(user_id::text, 1) AS user, operation, key FROM feature_idempotency_keys ORDER BY user_id, operation;

-- A member of service_role does not inherit BYPASSRLS, but has the same access.
CREATE ROLE regress_admission_worker;
GRANT service_role TO regress_admission_worker;
SET ROLE regress_admission_worker;
SELECT expire_reservations();
SELECT test.brief(commit_reservation(reservation_id)) FROM feature_reservations WHERE amount = 4;
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000001', 'insights', 1, '1 hour', 'worker'));
SELECT test.brief(reserve_feature('00000000-0000-0000-0000-000000000001', 'insights', 1, '1 hour', 'worker'));
RESET ROLE;
DROP ROLE regress_admission_worker;
\c :home
DROP DATABASE feature_usage_admission_rights;

-- Helpers of the specs, in the database that the specs run in. Features here are counted per month, so
-- that only a midnight at the end of a month could disturb a run.

CREATE EXTENSION feature_usage;
CREATE SCHEMA test;
ALTER DATABASE isolation SET search_path = public, test;

CREATE FUNCTION test.u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid
$$;

CREATE FUNCTION test.this_month() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')
$$;

-- Resets everything to the state after installing, except that the free plan has the limit "allowed",
-- and user 1 has used "used" of insights; NULL means no row of this month.
CREATE PROCEDURE test.start(allowed integer, used integer DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE feature_usage, feature_reservations, feature_idempotency_keys;
    DELETE FROM user_plans;
    DELETE FROM plan_limits WHERE plan_id <> 'free';
    UPDATE plan_limits SET insights_limit = allowed, voice_seconds_limit = allowed, is_active = true;
    INSERT INTO feature_usage (user_id, period, insights_count) SELECT test.u(1), test.this_month(), used WHERE used IS NOT NULL;
END
$$;

-- Reserves an amount of insights; hold_past makes a reservation that has expired.
CREATE PROCEDURE test.hold(n integer, amount integer) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM reserve_feature(test.u(n), 'insights', amount);
END
$$;
CREATE PROCEDURE test.hold_past(n integer, amount integer) LANGUAGE plpgsql AS $$
BEGIN
    CALL test.hold(n, amount);
    UPDATE feature_reservations SET expires_at = now() - interval '1 second' WHERE user_id = test.u(n);
END
$$;

CREATE FUNCTION test.reservation(n integer) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT reservation_id FROM feature_reservations WHERE user_id = test.u(n)
$$;

-- An answer without fields that vary between runs or are in every answer.
CREATE FUNCTION test.brief(answer jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT answer - '{period,reset_at,expires_at,reservation_id,feature_type,is_unlimited,reason}'::text[]
$$;

CREATE VIEW test.counts AS
    SELECT right(user_id::text, 1) AS "user", insights_count AS insights, voice_seconds AS voice
      FROM feature_usage WHERE period = test.this_month() ORDER BY user_id;

CREATE VIEW test.reservations AS
    SELECT right(user_id::text, 1) AS "user", amount, status, actual, late
      FROM feature_reservations ORDER BY user_id, amount;

CREATE VIEW test.keys AS
    SELECT right(user_id::text, 1) AS "user", operation, key FROM feature_idempotency_keys ORDER BY user_id, operation, key;

-- A batch of one insights event per user, with an idempotency key if "key" is given.
CREATE FUNCTION test.events(users integer[], key text DEFAULT NULL, amount integer DEFAULT 1) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_agg(jsonb_build_object('user_id', test.u(n), 'feature_type', 'insights', 'amount', amount,
                                        'idempotency_key', key || n) ORDER BY place)
      FROM unnest(users) WITH ORDINALITY AS u (n, place)
$$;

-- Helpers of the specs, in the database that the specs run in. Features here are counted per month, so
-- that only a midnight at the end of a month could disturb a run.

-- As on Supabase, for the specs that change roles; without its users, so that any id is one.
CREATE ROLE authenticated NOLOGIN;
CREATE ROLE service_role NOLOGIN BYPASSRLS;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO authenticated, service_role;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid
$$;

CREATE EXTENSION feature_usage;
CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO PUBLIC;
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
    TRUNCATE feature_usage, feature_reservations, feature_idempotency_keys, usage_counters, usage_rules, usage_grants, usage_alerts, usage_ledger, usage_pools, usage_pool_members, usage_increments;
    UPDATE usage_features SET is_governed = false, reads_calendars = false WHERE is_governed OR reads_calendars;
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

-- The same without what an answer has only if a rule applies, which the view windows shows.
CREATE FUNCTION test.brief_rules(answer jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT test.brief(answer) - '{caps,exceeded,sources,retry_after}'::text[]
$$;

-- Makes a rule for a user about insights: a cap in total if an amount is given, else a deny.
CREATE PROCEDURE test.rule(n integer, amount bigint DEFAULT NULL, feature text DEFAULT 'insights') LANGUAGE sql AS $$
    INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, per)
    VALUES ('user', test.u(n), feature, CASE WHEN amount IS NULL THEN 'deny' ELSE 'cap' END, amount, CASE WHEN amount IS NULL THEN 'period' ELSE 'total' END)
$$;

CREATE VIEW test.counts AS
    SELECT right(user_id::text, 1) AS "user", insights_count AS insights, voice_seconds AS voice
      FROM feature_usage WHERE period = test.this_month() ORDER BY user_id;

CREATE VIEW test.windows AS
    SELECT right(user_id::text, 1) AS "user", feature_type, period, used FROM usage_counters ORDER BY user_id, feature_type, period COLLATE "C";

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

-- Grants insights to user 1.
CREATE PROCEDURE test.granted(amount bigint) LANGUAGE sql AS $$
    INSERT INTO usage_grants (user_id, feature_type, amount, source_ref) VALUES (test.u(1), 'insights', amount, 'a grant');
$$;

-- A pool of users 1 and 2, whose plan has "allowed" insights.
CREATE PROCEDURE test.pool(allowed integer) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO plan_limits (plan_id, insights_limit) VALUES ('team', allowed);
    INSERT INTO usage_pools (pool_id, plan_id) VALUES (test.u(9), 'team');
    INSERT INTO usage_pool_members VALUES (test.u(9), test.u(1)), (test.u(9), test.u(2));
END
$$;
CREATE FUNCTION test.consume_in_pool(n integer, amount integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT test.brief_rules(consume_feature(test.u(n), 'insights', amount, p_pool_id => test.u(9))) - 'pool_id'
$$;
CREATE VIEW test.pool_counts AS
    SELECT CASE right(user_id::text, 1) WHEN '0' THEN 'all' ELSE right(user_id::text, 1) END AS member, used FROM usage_counters WHERE pool_id = test.u(9) ORDER BY user_id;

-- A reservation of insights that was made and expired last month, and its late commit.
CREATE PROCEDURE test.hold_last_month(amount integer) LANGUAGE sql AS $$
    INSERT INTO feature_reservations (user_id, feature_type, period, amount, status, expires_at)
    VALUES (test.u(1), 'insights', to_char(now() AT TIME ZONE 'UTC' - interval '1 month', 'YYYY-MM'), amount, 'expired', '2001-01-01');
$$;
CREATE FUNCTION test.commit_last_month(amount integer) RETURNS text LANGUAGE sql AS $$
    SELECT commit_reservation(reservation_id, amount) ->> 'committed' FROM feature_reservations WHERE status = 'expired'
$$;

-- Has insights, counted per month, and chat, per day, paid in voice seconds, of which there are 10 a month.
CREATE PROCEDURE test.paid_in_voice_seconds(seconds bigint) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE plan_limits SET voice_seconds_limit = seconds, insights_limit = 0, chat_messages_daily_limit = 0;
    INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in)
    VALUES ('all', 'insights', 'cost', 6, 'voice_seconds'), ('all', 'chat', 'cost', 6, 'voice_seconds');
END
$$;

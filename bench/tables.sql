-- The tables and arguments of the benchmark. main.rs replaces USERS and PERIOD.

CREATE TABLE users AS
    SELECT md5(number::text)::uuid AS id, number FROM generate_series(0, USERS - 1) AS number;

-- Calls for these users run before each measurement, so that all statements are prepared.
CREATE TABLE warm_up_users AS
    SELECT gen_random_uuid() AS id, number FROM generate_series(0, 19) AS number;

CREATE VIEW all_users AS SELECT * FROM users UNION ALL SELECT * FROM warm_up_users;

INSERT INTO user_plans (user_id, plan_id) SELECT id, 'free' FROM all_users;
INSERT INTO feature_usage (user_id, period)
    SELECT id, period
      FROM all_users, (VALUES ('PERIOD'),
                              (to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
                              (to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'))) AS p (period);

-- Images are always allowed, chat messages always denied.
UPDATE plan_limits SET image_generation_daily_limit = 2000000000, chat_messages_daily_limit = 0,
                       therai_calls_limit = 2000000000, voice_seconds_limit = 2000000000;

-- @therai calls have a rule, voice seconds a cap, insights a grant instead of a limit; images and chat have
-- none. An earlier revision has no rules, or no grants.
DO $$
BEGIN
    IF to_regclass('usage_rules') IS NOT NULL THEN
        INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per)
        VALUES ('all', 'therai_calls', 'add', 1000, 'period'), ('all', 'voice_seconds', 'cap', 2000000000, 'day');
    END IF;
    IF to_regclass('usage_grants') IS NOT NULL THEN
        INSERT INTO usage_grants (user_id, feature_type, amount, source_ref) SELECT id, 'insights', 2000000000, 'pack:' || id FROM all_users;
        UPDATE plan_limits SET insights_limit = 0;
    END IF;
END
$$;

CREATE FUNCTION open_reservation(p_user_id uuid) RETURNS uuid LANGUAGE sql AS $$
    SELECT (reserve_feature(p_user_id, 'image_generation') ->> 'reservation_id')::uuid
$$;

CREATE FUNCTION expired_reservation(p_user_id uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made constant uuid := open_reservation(p_user_id);
BEGIN
    UPDATE feature_reservations SET expires_at = now() - interval '1 second' WHERE reservation_id = made;
    RETURN made;
END
$$;

-- Fill the tables before the first call: every user has an idempotency key and a committed
-- reservation.
SELECT count(consume_feature(id, 'image_generation', 1, 'earlier')) FROM all_users;
SELECT count(consume_feature(id, 'voice_seconds')), count(consume_feature(id, 'therai_calls')), count(consume_feature(id, 'insights')) FROM all_users;
CREATE TABLE earlier_reservations AS SELECT open_reservation(id) AS reservation_id FROM all_users;
SELECT count(commit_reservation(reservation_id)) FROM earlier_reservations;
ALTER TABLE earlier_reservations ADD PRIMARY KEY (reservation_id);

-- Removes the rows that a contender has left.
CREATE PROCEDURE forget_later_calls() LANGUAGE sql AS $$
    DELETE FROM feature_idempotency_keys WHERE key <> 'earlier';
    DELETE FROM feature_reservations AS fr
     WHERE NOT EXISTS (SELECT FROM earlier_reservations AS er WHERE er.reservation_id = fr.reservation_id);
$$;

-- Lets the features that have rules read them, or not. Nothing but a benchmark clears this flag.
CREATE PROCEDURE use_rules(p_are_used boolean) LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('usage_rules') IS NOT NULL THEN
        UPDATE usage_features AS uf SET is_governed = p_are_used
         WHERE uf.is_governed <> p_are_used AND uf.feature_type IN ('therai_calls', 'voice_seconds', 'insights');
    END IF;
END
$$;

-- Increments that were appended beside their counter: every answer includes them, and whoever locks the
-- counter adds them to it. Many sessions append them (tests/integration, contended); here they are rows.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_usage_increments
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION today() RETURNS text LANGUAGE sql STABLE AS $$ SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') $$;
UPDATE plan_limits SET image_generation_daily_limit = 20;
-- A user whose counter has 5, and 3 + 4 beside it.
CREATE PROCEDURE append(p_user uuid) LANGUAGE sql AS $$
    DELETE FROM usage_increments;
    DELETE FROM feature_usage;
    INSERT INTO feature_usage (user_id, period, images_generated, chat_messages, has_increments) VALUES (p_user, today(), 5, 1, true);
    INSERT INTO usage_increments (user_id, period, feature_type, amount)
    VALUES (p_user, today(), 'image_generation', 3), (p_user, today(), 'image_generation', 4), (p_user, today(), 'chat', 2);
$$;
CREATE VIEW counts AS
    SELECT fu.images_generated, fu.chat_messages, fu.has_increments,
           (SELECT jsonb_object_agg(s.feature_type, s.amount) FROM (
                SELECT ui.feature_type, sum(ui.amount) AS amount FROM usage_increments AS ui
                 WHERE ui.user_id = fu.user_id AND ui.period = fu.period GROUP BY 1) AS s) AS appended
      FROM feature_usage AS fu ORDER BY fu.user_id;

-- Whoever only reads adds them to the answer, and changes nothing.
CALL append(u(1));
SELECT check_feature_limit(u(1), 'image_generation', 8) -> 'current_usage';
SELECT check_feature_limit(u(1), 'image_generation', 9) -> 'error_code';
SELECT get_user_limits(u(1)) -> 'usage';
SELECT usage_status(u(1), 'image_generation') -> 'features' -> 'image_generation' -> 'current_usage';
SELECT feature_type, amount FROM usage_report(now() - interval '1 day', now() + interval '1 day', 'period') WHERE feature_type IN ('chat', 'image_generation');
SELECT * FROM counts;
-- A row that does not say so has none: these are of a row that was deleted.
UPDATE feature_usage SET has_increments = false;
SELECT check_feature_limit(u(1), 'image_generation') -> 'current_usage', get_user_limits(u(1)) -> 'usage' -> 'images_generated';
SELECT feature_type, amount FROM usage_report(now() - interval '1 day', now() + interval '1 day', 'period') WHERE feature_type IN ('chat', 'image_generation');

-- An admission adds those of its feature to the counter, and decides by the sum.
CALL append(u(1));
SELECT consume_feature(u(1), 'image_generation', 9) ->> 'error_code', consume_feature(u(1), 'image_generation', 8) -> 'consumed';
SELECT * FROM counts;
-- So does a reservation, and what gives one back.
CALL append(u(1));
SELECT reserve_feature(u(1), 'image_generation', 8) ->> 'reservation_id' AS reservation_id \gset
SELECT * FROM counts;
INSERT INTO usage_increments (user_id, period, feature_type, amount) VALUES (u(1), today(), 'image_generation', 2);
SELECT release_reservation(:'reservation_id') -> 'released';
SELECT * FROM counts;
-- An increment does not need to.
CALL append(u(1));
SELECT increment_images_generated(u(1), 1, today());
SELECT * FROM counts;
-- A correction takes off what was appended as well.
CALL append(u(1));
SELECT correct_usage(u(1), 'image_generation', -11, 'counted twice') -> 'current_usage';
SELECT * FROM counts;
SELECT correct_usage(u(1), 'image_generation', -2, 'too much') -> 'error_code';
-- A batch with a key.
CALL append(u(1));
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', u(1), 'feature_type', 'image_generation', 'amount', 1, 'idempotency_key', 'a')));
SELECT check_feature_limit(u(1), 'image_generation') -> 'current_usage';

-- A feature that gets a rule counts them in the windows that begin.
CALL append(u(1));
INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per) VALUES ('all', 'image_generation', 'cap', 13, 'month');
SELECT consume_feature(u(1), 'image_generation', 2) ->> 'error_code', consume_feature(u(1), 'image_generation', 1) -> 'consumed';
SELECT * FROM counts;
SELECT used FROM usage_counters WHERE period = left(today(), 7);
INSERT INTO usage_increments (user_id, period, feature_type, amount) VALUES (u(1), today(), 'image_generation', 2);
SELECT usage_status(u(1), 'image_generation') -> 'features' -> 'image_generation' -> 'current_usage';
DELETE FROM usage_rules;
DELETE FROM usage_counters;

-- What does not fit into the column stays beside it, and counts; further calls overflow, and write nothing.
CALL append(u(1));
UPDATE plan_limits SET image_generation_daily_limit = NULL;
UPDATE feature_usage SET images_generated = 2147483641;
SELECT consume_feature(u(1), 'image_generation', 0) -> 'current_usage', check_feature_limit(u(1), 'image_generation') -> 'current_usage';
SELECT * FROM counts;
SELECT test.sqlstate($$SELECT consume_feature(u(1), 'image_generation', 1)$$);
SELECT check_feature_limit(u(1), 'image_generation') -> 'current_usage';
UPDATE plan_limits SET image_generation_daily_limit = 20;
SELECT consume_feature(u(1), 'image_generation') ->> 'reason';

-- Pruning deletes those whose row is gone, and no others.
CALL append(u(1));
INSERT INTO usage_increments (user_id, period, feature_type, amount) VALUES (u(2), today(), 'chat', 2), (u(1), '2025-02-10', 'chat', 2);
INSERT INTO feature_usage (user_id, period) VALUES (u(2), today());
SELECT prune_feature_usage();
SELECT user_id, period = today(), sum(amount) FROM usage_increments GROUP BY 1, 2;
INSERT INTO feature_usage (user_id, period, has_increments) VALUES (u(1), '2025-02-10', true);
INSERT INTO usage_increments (user_id, period, feature_type, amount) VALUES (u(1), '2025-02-10', 'chat', 2);
SELECT prune_feature_usage('7 days', '7 days') -> 'periods';
SELECT user_id, period = today(), sum(amount) FROM usage_increments GROUP BY 1, 2;

-- Without the table, calls that need it say what is missing.
DROP TABLE usage_increments CASCADE;
SELECT test.sqlstate($$SELECT consume_feature(u(1), 'image_generation')$$), test.hint($$SELECT consume_feature(u(1), 'image_generation')$$);
SELECT test.sqlstate($$SELECT prune_feature_usage()$$), test.hint($$SELECT prune_feature_usage()$$);
SELECT feature_usage_setup();
SELECT consume_feature(u(1), 'image_generation') -> 'current_usage';

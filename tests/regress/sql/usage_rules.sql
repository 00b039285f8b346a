-- usage_rules: what the table refuses. The name of each CHECK constraint says what is wanted.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_usage_rules
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
-- Inserts a rule: a cap for all of 5 chats per period, with other columns as given. Returns ok, the
-- CHECK constraint that refuses it, or the SQLSTATE and the message.
CREATE FUNCTION inserted(columns jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rule constant jsonb = '{"applies_to": "all", "feature_type": "chat", "effect": "cap", "amount": 5}' || columns;
    names constant text = (SELECT string_agg(quote_ident(key), ', ' ORDER BY key) FROM jsonb_object_keys(rule) AS key);
    violated text;
BEGIN
    EXECUTE format('INSERT INTO usage_rules (%1$s) SELECT %1$s FROM jsonb_populate_record(NULL::usage_rules, $1)', names) USING rule;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
    RETURN coalesce(nullif(violated, ''), sqlstate || ' ' || sqlerrm);
END $$;

-- Whom it applies to: exactly the columns that applies_to needs.
SELECT columns, inserted(columns) FROM (VALUES
    (1, '{}'::jsonb),
    (2, '{"applies_to": "plan", "plan_id": "pro"}'),
    (3, '{"applies_to": "user", "user_id": "00000000-0000-0000-0000-000000000001"}'),
    (4, '{"applies_to": "plan", "plan_id": "a plan that nobody has"}'),
    (5, '{"applies_to": "everybody"}'),
    (6, '{"applies_to": "All"}'),
    (7, '{"applies_to": null}'),
    (8, '{"plan_id": "pro"}'),
    (9, '{"user_id": "00000000-0000-0000-0000-000000000001"}'),
    (10, '{"applies_to": "plan"}'),
    (11, '{"applies_to": "plan", "user_id": "00000000-0000-0000-0000-000000000001"}'),
    (12, '{"applies_to": "plan", "plan_id": "pro", "user_id": "00000000-0000-0000-0000-000000000001"}'),
    (13, '{"applies_to": "user"}'),
    (14, '{"applies_to": "user", "plan_id": "pro"}'),
    (15, '{"applies_to": "user", "plan_id": "pro", "user_id": "00000000-0000-0000-0000-000000000001"}')
  ) AS cases (n, columns) ORDER BY n;

-- The effect, and which amount it needs. NULL is unlimited for set, and no cap for cap.
SELECT columns, inserted(columns) FROM (VALUES
    (1, '{"effect": "set"}'::jsonb),
    (2, '{"effect": "set", "amount": 0}'),
    (3, '{"effect": "set", "amount": null}'),
    (4, '{"effect": "set", "amount": 9223372036854775807}'),
    (5, '{"effect": "set", "amount": -1}'),
    (6, '{"effect": "add"}'),
    (7, '{"effect": "add", "amount": 0}'),
    (8, '{"effect": "add", "amount": 9223372036854775807}'),
    (9, '{"effect": "add", "amount": null}'),
    (10, '{"effect": "add", "amount": -1}'),
    (11, '{"effect": "deny", "amount": null}'),
    (12, '{"effect": "deny"}'),
    (13, '{"effect": "deny", "amount": 0}'),
    (14, '{"effect": "cap", "amount": 0}'),
    (15, '{"effect": "cap", "amount": null}'),
    (16, '{"effect": "cap", "amount": 9223372036854775807}'),
    (17, '{"effect": "cap", "amount": 9223372036854775808}'),
    (18, '{"effect": "cap", "amount": -1}'),
    (19, '{"effect": "overage"}'),
    (20, '{"effect": "Set"}'),
    (21, '{"effect": null}')
  ) AS cases (n, columns) ORDER BY n;

-- What a cap is counted per. Only a cap has it.
SELECT columns, inserted(columns) FROM (
    SELECT row_number() OVER (), jsonb_build_object('per', per)
      FROM unnest(ARRAY['period', 'hour', 'day', 'week', 'month', 'year', 'total', 'billing_week', 'billing_month', 'billing_year',
                        'rate', 'minute', 'quarter', 'Hour', '', NULL]) AS per
    UNION ALL VALUES
    (20, '{"effect": "set", "per": "day"}'::jsonb),
    (21, '{"effect": "add", "per": "total"}'),
    (22, '{"effect": "deny", "amount": null, "per": "hour"}'),
    (23, '{"effect": "set", "per": "rate", "every": "1 minute"}'),
    (24, '{"effect": "set", "per": "period"}')
  ) AS cases (n, columns) ORDER BY n;

-- In which time a rate refills: 1 second to 31 days, in whole seconds. A month has no one length.
SELECT columns ->> 'per' AS per, columns ->> 'every' AS every, inserted(columns) FROM (
    SELECT row_number() OVER (), jsonb_build_object('per', 'rate', 'every', every)
      FROM unnest(ARRAY['1 second', '59 seconds', '5 hours', '31 days', '744 hours', '1 day -23:59:59',
                        '0', '1 microsecond', '999.999 milliseconds', '1.5 seconds', '1.000001 seconds', '-1 second', '-31 days',
                        '32 days', '31 days 1 second', '30 days 25 hours', '1 month', '1 month -1 day', '1 year -11 months', '1 year',
                        NULL]) AS every
    UNION ALL VALUES
    (30, '{"per": "hour", "every": "1 hour"}'::jsonb),
    (31, '{"every": "1 hour"}')
  ) AS cases (n, columns) ORDER BY n;

-- A rate of at most 1000 units per second. 0 admits nothing, NULL lifts a less specific rate.
SELECT amount, every, inserted(jsonb_build_object('per', 'rate', 'amount', amount, 'every', every)) FROM (VALUES
    (1, 1000, '1 second'),
    (2, 1001, '1 second'),
    (3, 60000, '1 minute'),
    (4, 60001, '1 minute'),
    (5, 2678400000, '31 days'),
    (6, 2678400001, '31 days'),
    (7, 9223372036854775807, '31 days'),
    (8, 0, '1 second'),
    (9, NULL, '1 second')
  ) AS cases (n, amount, every) ORDER BY n;

-- From when until when. A rule may always have been active, and may never be.
SELECT starts_at, ends_at, inserted(jsonb_build_object('starts_at', starts_at, 'ends_at', ends_at)) FROM (VALUES
    (1, '2025-02-10', '2025-02-11'),
    (2, '2025-02-10', '2025-02-10'),
    (3, '-infinity', NULL),
    (4, '-infinity', 'infinity'),
    (5, '-infinity', '-infinity'),
    (6, '2025-02-10', 'infinity'),
    (7, '4713-01-01 BC', '294276-12-31'),
    (8, '2025-02-10', '2025-02-09 23:59:59.999999'),
    (9, '2025-02-10', '-infinity'),
    (10, 'infinity', NULL),
    (11, 'infinity', 'infinity'),
    (12, NULL, NULL)
  ) AS cases (n, starts_at, ends_at) ORDER BY n;
-- Left out, it starts now and never ends, counted per period.
INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES ('all', 'chat', 'set', 1)
RETURNING per, every, starts_at = now(), ends_at, created_at = now(), rule_id IS NOT NULL;
-- An update is checked like an insert.
\set VERBOSITY terse
UPDATE usage_rules SET amount = -1;
UPDATE usage_rules SET applies_to = 'user';
UPDATE usage_rules SET ends_at = starts_at - interval '1 second' WHERE isfinite(starts_at);
\set VERBOSITY default

-- A feature that is not registered. The message quotes at most 64 characters of it.
SELECT inserted('{"feature_type": "videos"}');
SELECT inserted('{"feature_type": ""}');
SELECT inserted('{"feature_type": null}');
SELECT length(inserted(jsonb_build_object('feature_type', repeat('video', 1000))));
INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES ('all', 'videos', 'set', 1);
\echo :LAST_ERROR_SQLSTATE
UPDATE usage_rules SET feature_type = 'videos';
\echo :LAST_ERROR_SQLSTATE

-- Once per source, feature and effect, so that what was paid for once is added once. Rules without a
-- source are not compared.
TRUNCATE usage_rules;
SELECT columns, inserted(columns) FROM (VALUES
    (1, '{"effect": "add", "source_ref": "pi_1"}'::jsonb),
    (2, '{"effect": "add", "source_ref": "pi_1"}'),
    (3, '{"effect": "add", "source_ref": "pi_1", "applies_to": "plan", "plan_id": "pro", "amount": 7}'),
    (4, '{"effect": "add", "source_ref": "pi_1", "feature_type": "insights"}'),
    (5, '{"effect": "set", "source_ref": "pi_1"}'),
    (6, '{"effect": "add", "source_ref": "pi_2"}'),
    (7, '{"effect": "add", "source_ref": null}'),
    (8, '{"effect": "add", "source_ref": null}')
  ) AS cases (n, columns) ORDER BY n;
-- An upsert writes it once too.
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, source_ref)
VALUES ('user', :user, 'image_generation', 'add', 20, 'pi_3')
    ON CONFLICT (source_ref, feature_type, effect) DO UPDATE SET amount = excluded.amount;
INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, source_ref)
VALUES ('user', :user, 'image_generation', 'add', 30, 'pi_3')
    ON CONFLICT (source_ref, feature_type, effect) DO UPDATE SET amount = excluded.amount;
SELECT count(*), sum(amount) FROM usage_rules WHERE source_ref = 'pi_3';
\c :home
DROP DATABASE feature_usage_usage_rules;

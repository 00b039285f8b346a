-- A call is refused before it does anything if a table has a rule: the rule would replace the
-- extension's statements, and an acknowledged count would be lost.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_rules
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
UPDATE plan_limits SET insights_limit = 3;
CREATE TABLE audit (user_id uuid, period text, insights_count integer DEFAULT 0, updated_at timestamptz, has_reservations boolean DEFAULT false);
INSERT INTO audit VALUES (:user, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'));
SELECT test.brief(consume_feature(:user, 'insights'));
SELECT reserve_feature(:user, 'insights') ->> 'reservation_id' AS id \gset
SELECT test.fingerprint() AS before \gset

-- The result of every call while this rule exists; nothing is ever written.
CREATE FUNCTION with_rule(rule text) RETURNS TABLE (call text, outcome text) LANGUAGE plpgsql AS $$
DECLARE
    id constant uuid := (SELECT reservation_id FROM feature_reservations);
BEGIN
    EXECUTE 'CREATE RULE tried AS ' || rule;
    FOREACH call IN ARRAY ARRAY[
        'increment_insights_count(''00000000-0000-0000-0000-000000000001'', 1, ''2025-02'')::text',
        'check_feature_limit(''00000000-0000-0000-0000-000000000001'', ''insights'')',
        'get_user_limits(''00000000-0000-0000-0000-000000000001'')',
        'consume_feature(''00000000-0000-0000-0000-000000000001'', ''insights'')',
        'consume_feature(''00000000-0000-0000-0000-000000000001'', ''insights'', 1, ''key'')',
        'reserve_feature(''00000000-0000-0000-0000-000000000001'', ''insights'')',
        'commit_reservation(''' || id || ''')',
        'release_reservation(''' || id || ''')',
        'expire_reservations()',
        'record_usage(''[{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "insights", "amount": 1}]'')']
    LOOP
        outcome := test.outcome(call);
        call := split_part(call, '(', 1);
        RETURN NEXT;
    END LOOP;
    EXECUTE 'DROP RULE tried ON ' || (regexp_match(rule, ' TO (\w+)'))[1];
END $$;
SELECT * FROM with_rule('ON UPDATE TO feature_usage DO INSTEAD UPDATE audit SET insights_count = NEW.insights_count WHERE user_id = OLD.user_id');
SELECT DISTINCT outcome FROM with_rule('ON UPDATE TO feature_usage DO INSTEAD SELECT 1');
SELECT DISTINCT outcome FROM with_rule('ON INSERT TO feature_usage DO INSTEAD NOTHING');
SELECT DISTINCT outcome FROM with_rule('ON UPDATE TO feature_usage DO INSTEAD NOTIFY changed');
SELECT DISTINCT outcome FROM with_rule('ON UPDATE TO feature_usage DO ALSO UPDATE audit SET updated_at = now()');
SELECT DISTINCT outcome FROM with_rule('ON DELETE TO user_plans DO INSTEAD NOTHING');
SELECT DISTINCT outcome FROM with_rule('ON UPDATE TO plan_limits DO INSTEAD NOTHING');
SELECT DISTINCT outcome FROM with_rule('ON INSERT TO feature_reservations DO INSTEAD NOTHING');
SELECT DISTINCT outcome FROM with_rule('ON INSERT TO feature_idempotency_keys DO INSTEAD NOTHING');
SELECT DISTINCT outcome FROM with_rule('ON INSERT TO usage_features DO INSTEAD NOTHING');
CREATE RULE hinted AS ON UPDATE TO feature_usage DO INSTEAD NOTHING;
SELECT consume_feature(:user, 'insights');
DROP RULE hinted ON feature_usage;
SELECT test.fingerprint() = :'before';

-- A trigger that adds a rule and calls the extension again, while one of its statements is running.
CREATE FUNCTION add_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        EXECUTE 'CREATE RULE inside AS ON UPDATE TO feature_reservations DO INSTEAD NOTHING';
        BEGIN
            PERFORM consume_feature('00000000-0000-0000-0000-000000000002', 'insights');
        EXCEPTION WHEN feature_not_supported THEN
            RAISE NOTICE '%', sqlerrm;
        END;
        EXECUTE 'DROP RULE inside ON feature_reservations';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER add_rule BEFORE UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION add_rule();
SELECT test.brief(consume_feature(:user, 'insights'));
DROP TRIGGER add_rule ON feature_usage;
-- Without a rule, everything works as before.
SELECT test.brief(consume_feature(:user, 'insights'));
SELECT commit_reservation(:'id') -> 'committed';
\c :home
DROP DATABASE feature_usage_rules;

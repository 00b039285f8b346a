-- User-defined triggers and rules on the tables of admission: suppressing a write is an error, never a
-- silent loss, and then nothing is stored.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_admission_triggers
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
UPDATE plan_limits SET insights_limit = 9;
CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT test.brief(consume_feature(:user, 'insights'));
SELECT reserve_feature(:user, 'insights', 2) ->> 'reservation_id' AS id \gset
SELECT test.fingerprint() AS before \gset

-- A suppressed count, with an existing row and without.
CREATE TRIGGER suppress BEFORE INSERT OR UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION suppress();
SELECT consume_feature(:user, 'insights');
\echo :LAST_ERROR_SQLSTATE
SELECT reserve_feature(:user, 'insights');
\echo :LAST_ERROR_SQLSTATE
SELECT consume_feature('00000000-0000-0000-0000-000000000002', 'insights');
\echo :LAST_ERROR_SQLSTATE
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', :user, 'feature_type', 'insights', 'amount', 1)));
\echo :LAST_ERROR_SQLSTATE
SELECT commit_reservation(:'id', 5);
\echo :LAST_ERROR_SQLSTATE
SELECT test.sqlstate(format('SELECT consume_feature(%L, ''insights'', 1, ''k'')', :user));
-- A denial is still a denial.
SELECT consume_feature(:user, 'insights', 100) ->> 'error_code';
DROP TRIGGER suppress ON feature_usage;
SELECT test.fingerprint() = :'before';

-- If inserting a reservation is suppressed, nothing is counted.
CREATE TRIGGER suppress BEFORE INSERT ON feature_reservations FOR EACH ROW EXECUTE FUNCTION suppress();
SELECT reserve_feature(:user, 'insights');
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER suppress ON feature_reservations;
SELECT test.fingerprint() = :'before';

-- If settling is suppressed, the counter does not change; if the change of the counter is, nothing is
-- settled.
CREATE TRIGGER suppress BEFORE UPDATE ON feature_reservations FOR EACH ROW EXECUTE FUNCTION suppress();
SELECT release_reservation(:'id');
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER suppress ON feature_reservations;
CREATE TRIGGER suppress BEFORE UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION suppress();
SELECT release_reservation(:'id');
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER suppress ON feature_usage;
SELECT test.fingerprint() = :'before';

-- A rule would replace the extension's statement: the call is refused until the rule is dropped.
CREATE RULE nothing AS ON UPDATE TO feature_usage DO INSTEAD NOTHING;
SELECT consume_feature(:user, 'insights');
\echo :LAST_ERROR_SQLSTATE
DROP RULE nothing ON feature_usage;
CREATE RULE nothing AS ON INSERT TO feature_reservations DO INSTEAD NOTHING;
SELECT test.sqlstate(format('SELECT reserve_feature(%L, ''insights'')', :user));
DROP RULE nothing ON feature_reservations;
CREATE RULE nothing AS ON INSERT TO feature_idempotency_keys DO INSTEAD NOTHING;
SELECT test.sqlstate(format('SELECT consume_feature(%L, ''insights'', 1, ''k'')', :user));
DROP RULE nothing ON feature_idempotency_keys;
SELECT test.fingerprint() = :'before';

-- A trigger that calls consume_feature itself, within the counting statement.
CREATE FUNCTION also() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        PERFORM consume_feature(NEW.user_id, 'chat', 1);
        PERFORM consume_feature('00000000-0000-0000-0000-000000000003', 'insights', 1000);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER also BEFORE UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION also();
SELECT test.brief(consume_feature(:user, 'insights'));
SELECT test.brief(consume_feature(:user, 'insights', 100));
SELECT sum(insights_count), sum(chat_messages) FROM feature_usage;
DROP TRIGGER also ON feature_usage;
-- A user-defined CHECK constraint applies to admission as to any other statement.
ALTER TABLE feature_usage ADD CONSTRAINT at_most CHECK (insights_count <= 5);
SELECT consume_feature(:user, 'insights') ->> 'current_usage';
SELECT test.sqlstate(format('SELECT consume_feature(%L, ''insights'')', :user));
SELECT commit_reservation(:'id', 1) ->> 'actual';
SELECT consume_feature(:user, 'insights') ->> 'current_usage';
\c :home
DROP DATABASE feature_usage_admission_triggers;

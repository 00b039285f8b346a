-- If tables, indexes and rights change while a session is open, its answers follow the rows and the
-- rights of its role.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_changing_tables
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
INSERT INTO plan_limits (plan_id, insights_limit) VALUES ('pro', 5);
INSERT INTO user_plans VALUES (:user, 'pro', true, 'active');
SELECT test.brief(consume_feature(:user, 'insights', 2));
CREATE VIEW state AS SELECT test.brief(check_feature_limit(:user, 'insights'));
TABLE state;

-- Without a unique index, with another kind of index, and with the first one again.
ALTER TABLE plan_limits DROP CONSTRAINT plan_limits_pkey;
TABLE state;
CREATE UNIQUE INDEX partial_key ON plan_limits (plan_id) WHERE is_active;
TABLE state;
DROP INDEX partial_key;
CREATE UNIQUE INDEX lower_key ON plan_limits (lower(plan_id));
CREATE INDEX hashed ON plan_limits USING hash (plan_id);
TABLE state;
DROP INDEX lower_key, hashed;
ALTER TABLE plan_limits ADD PRIMARY KEY (plan_id);
TABLE state;

-- Changed column types.
ALTER TABLE plan_limits ALTER COLUMN insights_limit TYPE bigint;
TABLE state;
ALTER TABLE plan_limits ALTER COLUMN insights_limit TYPE numeric;
TABLE state;
ALTER TABLE plan_limits ALTER COLUMN plan_id TYPE varchar(10);
ALTER TABLE user_plans ALTER COLUMN plan_id TYPE varchar(10);
TABLE state;
ALTER TABLE plan_limits ALTER COLUMN insights_limit TYPE integer, ALTER COLUMN plan_id TYPE text;
ALTER TABLE user_plans ALTER COLUMN plan_id TYPE text;
TABLE state;

-- The end of a trial, in types with and without a time zone.
UPDATE user_plans SET plan_id = 'free', trial_end_date = '2025-02-10 12:00:00.5+00';
SELECT check_feature_limit(:user, 'chat') -> 'trial_end_date';
UPDATE user_plans SET trial_end_date = '-infinity';
SELECT check_feature_limit(:user, 'chat') -> 'trial_end_date';
UPDATE user_plans SET trial_end_date = 'infinity';
SELECT check_feature_limit(:user, 'chat') -> 'allowed';
UPDATE user_plans SET trial_end_date = '2025-02-10 12:00:00+00';
SET TimeZone = 'Pacific/Kiritimati';
ALTER TABLE user_plans ALTER COLUMN trial_end_date TYPE date;
SELECT check_feature_limit(:user, 'chat') -> 'trial_end_date';
ALTER TABLE user_plans ALTER COLUMN trial_end_date TYPE timestamptz;
RESET TimeZone;
UPDATE user_plans SET plan_id = 'pro', trial_end_date = NULL;

-- A child table has its own rows.
CREATE TABLE more_plans (plan_id text) INHERITS (user_plans);
UPDATE user_plans SET user_id = '00000000-0000-0000-0000-000000000002';
INSERT INTO more_plans (user_id, plan_id, is_active, status) VALUES (:user, 'pro', true, 'active');
TABLE state;
DROP TABLE more_plans;
UPDATE user_plans SET user_id = :user;
TABLE state;

-- Changes of this transaction, and their rollback.
BEGIN;
UPDATE plan_limits SET insights_limit = 9 WHERE plan_id = 'pro';
TABLE state;
SAVEPOINT before;
DELETE FROM user_plans;
TABLE state;
ROLLBACK TO before;
TABLE state;
ROLLBACK;
TABLE state;

-- A role that may read nothing, some columns, some rows, and everything.
CREATE ROLE regress_reader;
GRANT EXECUTE ON FUNCTION check_feature_limit TO regress_reader;
SET ROLE regress_reader;
SELECT test.brief(check_feature_limit(:user, 'insights'));
RESET ROLE;
GRANT SELECT ON feature_usage, user_plans, usage_features TO regress_reader;
GRANT SELECT (plan_id, is_active, insights_limit) ON plan_limits TO regress_reader;
SET ROLE regress_reader;
SELECT check_feature_limit(:user, 'insights') - 'period' - 'reset_at';
RESET ROLE;
CREATE POLICY all_rows ON user_plans TO regress_reader USING (true);
CREATE POLICY all_rows ON feature_usage TO regress_reader USING (insights_count > 2);
SET ROLE regress_reader;
SELECT check_feature_limit(:user, 'insights') - 'period' - 'reset_at';
RESET ROLE;
-- Rights from membership in another role end with the membership.
ALTER ROLE regress_reader BYPASSRLS;
CREATE ROLE regress_readers;
REVOKE SELECT ON user_plans FROM regress_reader;
GRANT SELECT ON user_plans TO regress_readers;
GRANT regress_readers TO regress_reader;
SET ROLE regress_reader;
SELECT check_feature_limit(:user, 'insights') - 'period' - 'reset_at';
RESET ROLE;
REVOKE regress_readers FROM regress_reader;
SET ROLE regress_reader;
SELECT check_feature_limit(:user, 'insights');
RESET ROLE;

-- A table that is replaced by a view.
ALTER TABLE user_plans RENAME TO subscriptions;
TABLE state;
CREATE VIEW user_plans AS TABLE subscriptions;
TABLE state;
DROP VIEW user_plans;
ALTER TABLE subscriptions RENAME TO user_plans;
TABLE state;
\c :home
DROP DATABASE feature_usage_changing_tables;
DROP ROLE regress_reader;
DROP ROLE regress_readers;

-- A role that gains or loses BYPASSRLS while its session is open: the next check follows. Postgres itself
-- replans its prepared statements for that only since a minor release, so the run script asks it first.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_bypassing_roles
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
UPDATE plan_limits SET insights_limit = 5;
SELECT test.brief(consume_feature(:user, 'insights', 2));
CREATE ROLE regress_reading;
GRANT EXECUTE ON FUNCTION check_feature_limit TO regress_reading;
GRANT SELECT ON feature_usage, user_plans, plan_limits, usage_features TO regress_reading;
CREATE POLICY all_rows ON plan_limits TO regress_reading USING (true);
CREATE POLICY all_rows ON usage_features TO regress_reading USING (true);
SET ROLE regress_reading;
SELECT test.brief(check_feature_limit(:user, 'insights'));
RESET ROLE;
ALTER ROLE regress_reading BYPASSRLS;
SET ROLE regress_reading;
SELECT check_feature_limit(:user, 'insights') -> 'current_usage';
RESET ROLE;
ALTER ROLE regress_reading NOBYPASSRLS;
SET ROLE regress_reading;
SELECT check_feature_limit(:user, 'insights') -> 'current_usage';
RESET ROLE;
-- The same in reverse order, without a change of the tables in between.
CREATE ROLE regress_bypasser BYPASSRLS;
GRANT EXECUTE ON FUNCTION check_feature_limit TO regress_bypasser;
GRANT SELECT ON feature_usage, user_plans, plan_limits, usage_features TO regress_bypasser;
SET ROLE regress_bypasser;
SELECT check_feature_limit(:user, 'insights') -> 'current_usage';
RESET ROLE;
ALTER ROLE regress_bypasser NOBYPASSRLS;
SET ROLE regress_bypasser;
SELECT check_feature_limit(:user, 'insights') -> 'current_usage';
RESET ROLE;
\c :home
DROP DATABASE feature_usage_bypassing_roles;
DROP ROLE regress_reading;
DROP ROLE regress_bypasser;

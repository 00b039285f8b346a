-- A plan's id in a collation that ignores case, of ICU: checks and admissions follow it.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_collations
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
INSERT INTO plan_limits (plan_id, insights_limit) VALUES ('pro', 5);
INSERT INTO user_plans VALUES (:user, 'PRO', true, 'active');
SELECT check_feature_limit(:user, 'insights') ->> 'error_code';
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
ALTER TABLE plan_limits ALTER COLUMN plan_id TYPE text COLLATE any_case;
SELECT test.brief(check_feature_limit(:user, 'insights'));
SELECT test.brief(consume_feature(:user, 'insights', 2));
ALTER TABLE plan_limits ALTER COLUMN plan_id TYPE text COLLATE "default";
SELECT consume_feature(:user, 'insights', 2) ->> 'error_code';
\c :home
DROP DATABASE feature_usage_collations;

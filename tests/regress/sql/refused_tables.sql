-- The setup and add_feature() refuse tables in which the extension would miscount, those distributed by
-- Citus or with rules, and change nothing.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_refused
\i :dir/begin.sql
CREATE EXTENSION feature_usage;

-- A rule rewrites a statement into others.
CREATE RULE nothing AS ON UPDATE TO feature_usage DO INSTEAD NOTHING;
SELECT feature_usage_setup();
\echo :LAST_ERROR_SQLSTATE
SELECT add_feature('video', 'day');
\echo :LAST_ERROR_SQLSTATE
DROP RULE nothing ON feature_usage;
SELECT feature_usage_setup();
CREATE FUNCTION pg_temp.with_rule(name text, event text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text;
BEGIN
    EXECUTE format('CREATE RULE "A rule" AS ON %s TO %I DO ALSO NOTHING', event, name);
    outcome := test.sqlstate('SELECT feature_usage_setup()');
    EXECUTE format('DROP RULE "A rule" ON %I', name);
    RETURN outcome;
END $$;
SELECT name, pg_temp.with_rule(name, 'INSERT') AS on_insert, pg_temp.with_rule(name, 'DELETE') AS on_delete
  FROM test.relations ORDER BY name COLLATE "C";
-- A view has a rule of its own, and may have others.
DROP TABLE user_plans;
CREATE VIEW user_plans AS SELECT NULL::uuid AS user_id, NULL::text AS plan_id, NULL::boolean AS is_active, NULL::text AS status, NULL::timestamptz AS trial_end_date;
CREATE RULE writable AS ON INSERT TO user_plans DO INSTEAD NOTHING;
SELECT feature_usage_setup();
DROP VIEW user_plans;
SELECT feature_usage_setup();

-- If Citus is installed, this table lists the distributed tables.
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass NOT NULL, partmethod "char" NOT NULL);
RESET allow_system_table_mods;
CREATE TABLE app_data (id uuid);
INSERT INTO pg_dist_partition VALUES ('app_data', 'h');
SELECT feature_usage_setup();
INSERT INTO pg_dist_partition VALUES ('feature_usage', 'h');
SELECT feature_usage_setup();
\echo :LAST_ERROR_SQLSTATE
SELECT add_feature('video', 'day');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) AS columns FROM pg_attribute WHERE attrelid = 'feature_usage'::regclass AND attname = 'video';
-- CREATE EXTENSION refuses them too.
DROP EXTENSION feature_usage;
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
-- Every table, even if distributed as a reference table.
CREATE FUNCTION pg_temp.distributed(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pg_dist_partition SET logicalrelid = name::regclass, partmethod = 'n' WHERE logicalrelid <> 'app_data'::regclass;
    RETURN test.sqlstate('CREATE EXTENSION feature_usage');
END $$;
SELECT name, pg_temp.distributed(name)
  FROM unnest(ARRAY['feature_usage', 'user_plans', 'plan_limits', 'feature_reservations', 'feature_idempotency_keys', 'usage_features']) AS name;
DELETE FROM pg_dist_partition WHERE logicalrelid <> 'app_data'::regclass;
CREATE EXTENSION feature_usage;
SELECT add_feature('video', 'day');
\c :home
DROP DATABASE feature_usage_refused;

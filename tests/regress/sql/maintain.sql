-- The privilege MAINTAIN, since PostgreSQL 17: GRANT ALL includes it, and the setup takes it away like
-- everything that the roles of the API should not have.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_maintain
\i :dir/begin.sql
CREATE ROLE service_role;
CREATE EXTENSION feature_usage;
\pset tuples_only on
SELECT has_table_privilege('service_role', 'feature_usage', 'MAINTAIN');
GRANT ALL ON feature_usage, plan_limits, user_plans, usage_features, feature_reservations, feature_idempotency_keys TO service_role;
SELECT has_table_privilege('service_role', 'feature_usage', 'MAINTAIN');
SELECT feature_usage_setup();
SELECT name, string_agg(privilege_type, ' ' ORDER BY privilege_type)
  FROM test.relations AS t, pg_class AS c, aclexplode(c.relacl) AS a
 WHERE c.oid = t.oid AND a.grantee = 'service_role'::regrole GROUP BY name ORDER BY name;
\c :home
DROP DATABASE feature_usage_maintain;
DROP ROLE service_role;

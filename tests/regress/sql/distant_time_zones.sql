-- Time zones that Postgres accepts and no place has: up to 167 hours from UTC. Either they are refused, or
-- what is live there is never pruned.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_distant_time_zones
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES (u(1), 'free', 'A+167'), (u(2), 'free', 'A-167'), (u(3), 'free', '<Z>+100:30');
SELECT n, test.outcome(format('SELECT consume_feature(u(%s), %L, 3)', n, 'chat')) IS NOT NULL AS tried FROM generate_series(1, 3) AS n;
SELECT prune_feature_usage('1 day', '1 day') IS NOT NULL AS pruned;
-- The limit is 3.
SELECT n, test.outcome(format('SELECT consume_feature(u(%s), %L, 3)', n, 'chat')) <> 'ok' AS admits_no_more FROM generate_series(1, 3) AS n;
-- Period keys are of the years 1 to 9999.
CREATE FUNCTION year_of(n integer, instant timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    RETURN split_part(usage_period(u(n), 'chat', instant) ->> 'period', '-', 1);
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN NULL;
END $$;
SELECT n, instant, (year_of(n, instant::timestamptz) BETWEEN 1 AND 9999) IS NOT false AS is_within
  FROM generate_series(1, 2) AS n, unnest(ARRAY['0001-01-03T00:00:00Z', '9999-12-30T00:00:00Z']) AS instant;
\c :home
DROP DATABASE feature_usage_distant_time_zones;

-- Constraints may be NOT ENFORCED since PostgreSQL 18: one of the name of ours is replaced, because it
-- would let counts become negative.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_not_enforced
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
SELECT pg_get_constraintdef(oid) AS enforced FROM pg_constraint WHERE conname = 'feature_usage_counters_not_negative' \gset
ALTER TABLE feature_usage DROP CONSTRAINT feature_usage_counters_not_negative;
ALTER TABLE feature_usage ADD CONSTRAINT feature_usage_counters_not_negative :enforced NOT ENFORCED;
INSERT INTO feature_usage (user_id, period, images_generated) VALUES ('00000000-0000-0000-0000-000000000001', '2025-02-10', -1);
SELECT feature_usage_setup();
\echo :LAST_ERROR_SQLSTATE
DELETE FROM feature_usage;
SELECT feature_usage_setup();
SELECT pg_get_constraintdef(oid) = :'enforced', conenforced, convalidated FROM pg_constraint WHERE conname = 'feature_usage_counters_not_negative';
\c :home
DROP DATABASE feature_usage_not_enforced;

-- NOT NULL constraints are in the catalog since PostgreSQL 18, and may be NOT VALID: then existing rows
-- may still be NULL. The setup turns NULL counts into 0, and does not take such a key for one.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_not_null_not_valid
\i :dir/begin.sql
CREATE TABLE feature_usage (user_id uuid, period text, images_generated integer, chat_messages integer, UNIQUE (user_id, period));
INSERT INTO feature_usage VALUES ('00000000-0000-0000-0000-000000000001', '2025-02-10', NULL, 2);
ALTER TABLE feature_usage ADD CONSTRAINT images NOT NULL images_generated NOT VALID;
ALTER TABLE feature_usage ADD CONSTRAINT period NOT NULL period NOT VALID;
CREATE EXTENSION feature_usage;
\pset tuples_only on
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT images_generated, chat_messages FROM feature_usage;
SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'feature_usage'::regclass AND contype = 'n' ORDER BY conname;
DROP EXTENSION feature_usage;
-- Rows that have no period are listed, as on every version.
ALTER TABLE feature_usage ALTER COLUMN period DROP NOT NULL;
INSERT INTO feature_usage (user_id, period) VALUES ('00000000-0000-0000-0000-000000000001', NULL);
ALTER TABLE feature_usage ADD CONSTRAINT period NOT NULL period NOT VALID;
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
\c :home
DROP DATABASE feature_usage_not_null_not_valid;

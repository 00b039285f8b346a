-- migrate_image_generation_log: counts the rows of an existing log of images, per user and UTC day, in
-- images_generated. Each row once.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_migrate
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
-- Without a log, nothing is done.
SELECT migrate_image_generation_log();

-- 23:30 UTC and 00:30 UTC are on two days, whatever the session's time zone.
SET TIME ZONE 'Pacific/Kiritimati';
CREATE TABLE image_generation_log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid, prompt text, created_at timestamptz DEFAULT now());
INSERT INTO image_generation_log (user_id, created_at) VALUES
    ('00000000-0000-0000-0000-000000000001', '2025-02-10 23:30:00+00'),
    ('00000000-0000-0000-0000-000000000001', '2025-02-11 00:30:00+00'),
    ('00000000-0000-0000-0000-000000000001', '2025-02-11 12:00:00+00'),
    ('00000000-0000-0000-0000-000000000002', '2025-02-10 00:00:00+00'),
    ('00000000-0000-0000-0000-000000000002', '2025-02-10 23:59:59.999999+00');
-- The log is added to existing counts.
INSERT INTO feature_usage (user_id, period, images_generated, chat_messages) VALUES ('00000000-0000-0000-0000-000000000002', '2025-02-10', 10, 4);
SELECT migrate_image_generation_log();
SELECT right(user_id::text, 1) AS user, period, images_generated, chat_messages FROM feature_usage ORDER BY user_id, period;
-- Repeating it adds nothing; new rows are added once.
SELECT migrate_image_generation_log();
SELECT migrate_image_generation_log(p_drop => false);
SET TIME ZONE 'Etc/GMT+12';
INSERT INTO image_generation_log (user_id, created_at) VALUES ('00000000-0000-0000-0000-000000000001', '2025-02-11 00:30:00+00');
SELECT migrate_image_generation_log();
SELECT right(user_id::text, 1) AS user, period, images_generated, chat_messages FROM feature_usage ORDER BY user_id, period;

-- Rows without a valid user or day stay uncounted, and are reported. The others are counted.
INSERT INTO image_generation_log (user_id, created_at) VALUES
    (NULL, '2025-02-11'),
    ('00000000-0000-0000-0000-000000000001', NULL),
    ('00000000-0000-0000-0000-000000000001', 'infinity'),
    ('00000000-0000-0000-0000-000000000001', '-infinity'),
    ('00000000-0000-0000-0000-000000000001', '2025-02-12 12:00:00+00');
SELECT migrate_image_generation_log();
DELETE FROM image_generation_log WHERE NOT counted_in_feature_usage;
-- The log is kept unless p_drop says otherwise.
SELECT migrate_image_generation_log(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) AS rows FROM image_generation_log;
SELECT migrate_image_generation_log(p_drop => true);
SELECT to_regclass('image_generation_log') AS image_generation_log;
SELECT right(user_id::text, 1) AS user, period, images_generated FROM feature_usage ORDER BY user_id, period;

-- A timestamp without a time zone is UTC, and so is a date.
CREATE TABLE image_generation_log (user_id uuid, created_at timestamp);
INSERT INTO image_generation_log VALUES
    ('00000000-0000-0000-0000-000000000003', '2025-02-10 23:30:00'), ('00000000-0000-0000-0000-000000000003', '2025-02-11 00:30:00');
SELECT migrate_image_generation_log(true);
CREATE TABLE image_generation_log (user_id uuid, created_at date);
INSERT INTO image_generation_log VALUES ('00000000-0000-0000-0000-000000000003', '2025-02-11');
SELECT migrate_image_generation_log(true);
SELECT right(user_id::text, 1) AS user, period, images_generated FROM feature_usage WHERE right(user_id::text, 1) = '3' ORDER BY period;

-- If a count would not fit, nothing is counted.
UPDATE feature_usage SET images_generated = 2147483647 WHERE right(user_id::text, 1) = '3' AND period = '2025-02-10';
CREATE TABLE image_generation_log (user_id uuid, created_at timestamptz);
INSERT INTO image_generation_log VALUES
    ('00000000-0000-0000-0000-000000000003', '2025-02-10 12:00:00+00'), ('00000000-0000-0000-0000-000000000004', '2025-02-10 12:00:00+00');
SELECT test.sqlstate('SELECT migrate_image_generation_log(true)');
SELECT count(*) AS rows FROM image_generation_log;
SELECT count(*) AS counted FROM feature_usage WHERE right(user_id::text, 1) = '4';
DROP TABLE image_generation_log;
-- Columns of other types, and something that is not a table.
CREATE TABLE image_generation_log (user_id text, created_at timestamptz);
SELECT migrate_image_generation_log();
\echo :LAST_ERROR_SQLSTATE
DROP TABLE image_generation_log;
CREATE VIEW image_generation_log AS SELECT user_id, created_at FROM feature_usage;
SELECT migrate_image_generation_log(true);
\echo :LAST_ERROR_SQLSTATE
DROP VIEW image_generation_log;
\c :home
DROP DATABASE feature_usage_migrate;

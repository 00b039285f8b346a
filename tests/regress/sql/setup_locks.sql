-- Locks and reads of the setup and of add_feature(): they skip what is complete, take all locks first,
-- and in one order.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_locks
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
INSERT INTO feature_usage (user_id, period) SELECT gen_random_uuid(), '2025-02' FROM generate_series(1, 1000);
-- Locks of this transaction that may block others, and the number of counts it has read by sequential
-- scans.
CREATE VIEW locks AS
    SELECT c.relname AS table, string_agg(l.mode, ', ' ORDER BY l.mode) AS modes FROM pg_locks AS l JOIN test.relations AS t ON t.oid = l.relation JOIN pg_class AS c ON c.oid = t.oid
     WHERE l.pid = pg_backend_pid() AND l.mode NOT IN ('AccessShareLock', 'RowShareLock') GROUP BY c.relname ORDER BY c.relname COLLATE "C";
CREATE VIEW scanned AS
    SELECT coalesce(sum(seq_tup_read), 0) AS rows FROM pg_stat_xact_user_tables JOIN test.relations AS t ON t.oid = relid WHERE relname = 'feature_usage';
-- Nothing is missing: readers, writers and row locks are not blocked.
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT feature_usage_setup();
TABLE locks;
SELECT rows - :before AS rows_scanned FROM scanned;
ROLLBACK;
-- A policy is missing: its table is locked, after feature_usage, which every call locks first.
DROP POLICY plan_limits_readable_rows ON plan_limits;
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT feature_usage_setup();
TABLE locks;
SELECT rows - :before AS rows_scanned FROM scanned;
COMMIT;
-- A comment is missing: that needs a weak lock only.
COMMENT ON COLUMN user_plans.status IS NULL;
COMMENT ON TABLE feature_reservations IS NULL;
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT feature_usage_setup();
TABLE locks;
COMMIT;
-- Privileges are missing or excessive: no lock.
GRANT ALL ON user_plans TO PUBLIC;
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT feature_usage_setup();
TABLE locks;
COMMIT;
-- Something is missing in every table.
ALTER TABLE feature_usage DROP COLUMN updated_at;
ALTER TABLE user_plans DISABLE ROW LEVEL SECURITY;
ALTER TABLE plan_limits DROP CONSTRAINT plan_limits_pkey;
DROP INDEX feature_reservations_open;
ALTER TABLE feature_idempotency_keys DROP COLUMN result;
DROP TRIGGER usage_features_changed ON usage_features;
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT relation, lock_order, mode FROM feature_usage_internal.needed_locks() ORDER BY lock_order;
SELECT feature_usage_setup();
SELECT count(*) AS locks_needed FROM feature_usage_internal.needed_locks();
SELECT rows - :before AS rows_scanned FROM scanned;
COMMIT;

-- add_feature() locks the tables that get columns, and neither reads nor writes rows.
SELECT pg_relation_filenode('feature_usage') AS file \gset
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT add_feature('video', 'day');
TABLE locks;
SELECT rows - :before AS rows_scanned FROM scanned;
COMMIT;
SELECT pg_relation_filenode('feature_usage') = :file AS is_not_rewritten;
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT add_feature('export', 'day', 'exports');
SELECT rows - :before AS rows_scanned FROM scanned;
COMMIT;
-- Existing columns need no strong lock.
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT add_feature('video', 'day');
TABLE locks;
SELECT rows - :before AS rows_scanned FROM scanned;
COMMIT;
-- The next setup reads the counts once, to validate the CHECK constraint, without blocking writers.
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT feature_usage_setup();
TABLE locks;
SELECT rows - :before AS rows_scanned FROM scanned;
COMMIT;
-- A registered feature without columns, as after a restore of rows only.
INSERT INTO usage_features VALUES ('later', 'later', 'later_limit', 'day');
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT feature_usage_setup();
TABLE locks;
SELECT rows - :before AS rows_scanned FROM scanned;
COMMIT;
-- Counts whose flag of reservations is wrong: their rows are locked, the table is not.
INSERT INTO feature_reservations (user_id, feature_type, period, amount, status, expires_at)
SELECT user_id, 'insights', period, 0, 'reserved', 'infinity' FROM feature_usage LIMIT 3;
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT feature_usage_setup();
TABLE locks;
SELECT count(*) AS with_reservations FROM feature_usage WHERE has_reservations;
ROLLBACK;
-- If another table has to be locked, the table of counts is locked too: otherwise a call that has
-- locked such a row and waits for that table would deadlock.
DROP POLICY plan_limits_readable_rows ON plan_limits;
BEGIN;
SELECT rows AS before FROM scanned \gset
SELECT feature_usage_setup();
TABLE locks;
COMMIT;
SELECT count(*) AS with_reservations FROM feature_usage WHERE has_reservations;
\c :home
DROP DATABASE feature_usage_locks;

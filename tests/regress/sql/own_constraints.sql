-- User-defined CHECK constraints, triggers and rules apply to increments as to any other statement,
-- although the extension keeps prepared statements between calls.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_own_constraints
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
CREATE FUNCTION increments(n integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..n LOOP
        PERFORM increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
        -- Other work, so that freed memory is reused.
        PERFORM relname, count(*) OVER (ORDER BY relname) FROM pg_class LIMIT 3;
    END LOOP;
    RETURN (SELECT images_generated FROM feature_usage WHERE images_generated > 0);
END $$;
SELECT increments(10);

-- A CHECK constraint of the whole row, and one that calls a function, which may change.
ALTER TABLE feature_usage ADD CONSTRAINT whole_row CHECK (pg_column_size(feature_usage) < 5000);
SELECT increments(300);
ALTER TABLE feature_usage DROP CONSTRAINT whole_row;
CREATE FUNCTION at_most(n integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT n <= 320';
ALTER TABLE feature_usage ADD CONSTRAINT by_function CHECK (at_most(images_generated));
SELECT increments(10);
SELECT test.sqlstate('SELECT increments(1)');
CREATE OR REPLACE FUNCTION at_most(n integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT n <= 321';
SELECT increments(1);
SELECT test.sqlstate('SELECT increments(1)');
ALTER TABLE feature_usage DROP CONSTRAINT by_function;

-- A simple CHECK constraint applies as soon as it is added and until it is dropped, even within a
-- transaction.
ALTER TABLE feature_usage ADD CONSTRAINT plain CHECK (images_generated <= 322);
SELECT increments(1);
SELECT test.sqlstate('SELECT increments(1)');
BEGIN;
ALTER TABLE feature_usage DROP CONSTRAINT plain;
SELECT increments(1);
ROLLBACK;
SELECT test.sqlstate('SELECT increments(1)');
ALTER TABLE feature_usage DROP CONSTRAINT plain;

-- A trigger that suppresses a count is an error, not a silent loss.
CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER suppress BEFORE UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION suppress();
SELECT increments(1);
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER suppress ON feature_usage;

-- A trigger that itself counts.
CREATE FUNCTION also() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        PERFORM increment_therai_calls(NEW.user_id, 1, '2025-02-11');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER also AFTER UPDATE ON feature_usage FOR EACH ROW EXECUTE FUNCTION also();
SELECT increments(3);
SELECT therai_calls FROM feature_usage WHERE period = '2025-02-11';
DROP TRIGGER also ON feature_usage;
DELETE FROM feature_usage WHERE period = '2025-02-11';

-- A rule would replace the extension's statement: the call is refused until the rule is dropped.
CREATE RULE nothing AS ON UPDATE TO feature_usage DO INSTEAD NOTHING;
SELECT increments(1);
\echo :LAST_ERROR_SQLSTATE
DROP RULE nothing ON feature_usage;
SELECT increments(1);

\c :home
DROP DATABASE feature_usage_own_constraints;

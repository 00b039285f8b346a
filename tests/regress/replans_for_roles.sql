-- Prints 0 if Postgres plans a prepared statement again once its role has lost BYPASSRLS, else 1.
CREATE ROLE bypasser BYPASSRLS;
CREATE TABLE hidden AS SELECT 1 AS row;
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON hidden TO bypasser;
SET plan_cache_mode = force_generic_plan;
SET ROLE bypasser;
PREPARE visible AS SELECT count(*) FROM hidden;
\o /dev/null
EXECUTE visible;
\o
RESET ROLE;
ALTER ROLE bypasser NOBYPASSRLS;
SET ROLE bypasser;
EXECUTE visible;
RESET ROLE;
DROP TABLE hidden;
DROP ROLE bypasser;

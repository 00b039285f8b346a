-- Rights without Supabase's roles: only the owner has any. The installer is not a superuser; the
-- extension is trusted, so CREATE on the database is enough.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_rights
\i :dir/begin.sql
CREATE ROLE regress_installer;
CREATE ROLE regress_stranger;
GRANT CREATE ON DATABASE feature_usage_rights TO regress_installer;
-- The installer has no rights on the schema public.
SELECT has_schema_privilege('regress_installer', 'public', 'CREATE') AS may_create_in_public;
SET ROLE regress_installer;
CREATE EXTENSION feature_usage;
SELECT add_feature('video_minutes', 'month');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
-- Installing has granted it no right on the schema.
SELECT has_schema_privilege('regress_installer', 'public', 'CREATE') AS may_create_in_public;
-- Adding a feature creates a function, so it needs CREATE on the schema.
GRANT CREATE ON SCHEMA public TO regress_installer;
SET ROLE regress_installer;
SELECT add_feature('video_minutes', 'month');
RESET ROLE;
SELECT t.name AS table, pg_get_userbyid(c.relowner) AS owner FROM test.relations AS t JOIN pg_class AS c USING (oid) ORDER BY t.name;
SELECT pg_get_userbyid(extowner) AS owner_of_extension FROM pg_extension WHERE extname = 'feature_usage';

-- Every role and every function: x is EXECUTE.
SELECT name AS function, max(rights) FILTER (WHERE role = 'regress_installer') AS owner,
       max(rights) FILTER (WHERE role = 'regress_stranger') AS stranger, max(rights) FILTER (WHERE role = 'public') AS public
  FROM (SELECT DISTINCT * FROM test.function_rights) AS f GROUP BY name ORDER BY name COLLATE "C";
-- Every role and every table: r SELECT, a INSERT, w UPDATE, d DELETE, D TRUNCATE, x REFERENCES, t TRIGGER.
SELECT name AS table, max(rights) FILTER (WHERE role = 'regress_installer') AS owner,
       max(rights) FILTER (WHERE role = 'regress_stranger') AS stranger, max(rights) FILTER (WHERE role = 'public') AS public
  FROM test.table_rights GROUP BY name ORDER BY name COLLATE "C";
-- The private schema: owned by a superuser; the owner of the extension may read it.
SELECT * FROM test.internal_rights WHERE role IN ('regress_installer', 'regress_stranger', 'public') ORDER BY role COLLATE "C";
-- The same, by trying each statement.
SET ROLE regress_stranger;
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'chat');
\echo :LAST_ERROR_SQLSTATE
SELECT increment_chat_messages('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM feature_usage;
\echo :LAST_ERROR_SQLSTATE
SELECT statement, test.sqlstate(statement) FROM (VALUES
    (1, $$SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'chat')$$),
    (2, $$SELECT reserve_feature('00000000-0000-0000-0000-000000000001', 'chat')$$),
    (3, $$SELECT commit_reservation('00000000-0000-0000-0000-000000000001')$$),
    (4, $$SELECT release_reservation('00000000-0000-0000-0000-000000000001')$$),
    (5, $$SELECT expire_reservations()$$),
    (6, $$SELECT record_usage('[]')$$),
    (7, $$SELECT prune_feature_usage()$$),
    (8, $$SELECT * FROM feature_reservations$$),
    (9, $$SELECT * FROM feature_idempotency_keys$$),
    (10, $$SELECT set_user_plan('00000000-0000-0000-0000-000000000001', 'free')$$),
    (11, $$SELECT feature_usage_internal.setup()$$),
    (12, $$SELECT * FROM feature_usage_internal.tables$$)
  ) AS attempts (n, statement) ORDER BY n;
SET ROLE regress_installer;
SELECT increment_chat_messages('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT increment_video_minutes('00000000-0000-0000-0000-000000000001', 1, '2025-02');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'chat', 1, '2025-02-10') ->> 'remaining' AS remaining;
SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'chat') ->> 'consumed' AS consumed;
SELECT reserve_feature('00000000-0000-0000-0000-000000000001', 'chat') ->> 'reserved' AS reserved;
SELECT record_usage('[]');
SELECT feature_usage_setup();
DROP EXTENSION feature_usage;
RESET ROLE;
-- Default privileges of the role that runs the script, everywhere and not only in one schema.
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_stranger;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_stranger;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO regress_stranger;
-- Functions that a superuser owns and that run with their caller's rights escalate nothing.
SET ROLE regress_installer;
CREATE EXTENSION feature_usage;
RESET ROLE;
SELECT f.name FROM test.functions AS f JOIN pg_proc AS p USING (oid) WHERE p.prosecdef;
SELECT * FROM test.internal_rights WHERE role = 'regress_stranger';
SELECT DISTINCT rights FROM test.function_rights WHERE role = 'regress_stranger';
SELECT * FROM test.without_comment;
\c :home
DROP DATABASE feature_usage_rights;
DROP ROLE regress_installer, regress_stranger;

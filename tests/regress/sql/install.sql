-- CREATE EXTENSION on an empty database makes a working system; no further step is needed.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_install
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 2, '2025-02-10');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10');

-- The functions that applications call: names, arguments and results are fixed. None has an overload,
-- and all run with their caller's rights.
SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ')' AS function, pg_get_function_result(p.oid) AS result,
       p.provolatile AS volatility, p.prosecdef AS is_definer
  FROM pg_proc AS p JOIN test.functions USING (oid)
 WHERE p.proname ~ '^(increment_|check_|get_|consume_|reserve_|commit_|release_|expire_|record_|prune_|set_)' ORDER BY p.proname COLLATE "C";
SELECT name FROM test.functions GROUP BY name HAVING count(*) > 1;
SELECT name, p.prosecdef FROM pg_proc AS p JOIN test.functions USING (oid) WHERE p.prosecdef;

-- The functions for the owner, who administers.
SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ')' AS function, pg_get_function_result(p.oid) AS result
  FROM pg_proc AS p JOIN test.functions USING (oid)
 WHERE p.proname IN ('add_feature', 'feature_usage_setup', 'migrate_image_generation_log') ORDER BY p.proname COLLATE "C";

-- The tables.
SELECT t.name AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
       pg_get_expr(d.adbin, d.adrelid) AS default
  FROM test.relations AS t
  JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 ORDER BY t.name COLLATE "C", a.attnum;

-- One unique key per table, one CHECK constraint for all counters, and no foreign key without
-- auth.users.
SELECT t.name AS table, c.conname AS constraint, pg_get_constraintdef(c.oid) AS definition
  FROM test.relations AS t JOIN pg_constraint AS c ON c.conrelid = t.oid
 WHERE c.contype <> 'n' ORDER BY t.name COLLATE "C", c.conname COLLATE "C";
SELECT t.name AS table, count(i.indexrelid) AS indexes FROM test.relations AS t
  LEFT JOIN pg_index AS i ON i.indrelid = t.oid GROUP BY t.name ORDER BY t.name COLLATE "C";

-- Row-level security is enabled on all; the fillfactor of the counters leaves room for HOT updates. The
-- data tables are not members of the extension: they outlive it.
SELECT t.name AS table, c.relrowsecurity AS row_security, c.reloptions AS options,
       EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = t.oid AND d.deptype = 'e') AS is_member
  FROM test.relations AS t JOIN pg_class AS c USING (oid) ORDER BY t.name COLLATE "C";

-- The free plan, which every application has, and the registry.
SELECT plan_id, plan_name, image_generation_daily_limit AS images, chat_messages_daily_limit AS chat,
       therai_calls_limit AS therai, voice_seconds_limit AS voice, insights_limit AS insights, is_active FROM plan_limits;
SELECT * FROM user_plans;
SELECT * FROM usage_features ORDER BY feature_type COLLATE "C";

-- The extension has no configuration tables: the registry is dumped like the other tables.
SELECT extconfig::regclass[] AS tables, extcondition AS condition, extrelocatable AS is_relocatable
  FROM pg_extension WHERE extname = 'feature_usage';
SELECT superuser, trusted, relocatable, schema FROM pg_available_extension_versions
 WHERE name = 'feature_usage' AND installed;

-- Every object has a comment, whose first sentence has at most 100 characters.
SELECT * FROM test.without_comment;
SELECT f.name, length(first_sentence) FROM test.functions AS f, substring(obj_description(f.oid, 'pg_proc') FROM '^.*?[.](?= |$)') AS first_sentence
 WHERE NOT f.is_internal AND coalesce(length(first_sentence) > 100, true);
-- The public functions are the documented ones; all others are in a private schema, a member of the
-- extension.
SELECT string_agg(DISTINCT p.pronamespace::regnamespace || ' ' || f.is_internal, ', ') AS schemas FROM test.functions AS f JOIN pg_proc AS p USING (oid);
SELECT extname FROM pg_depend JOIN pg_extension AS e ON e.oid = refobjid WHERE objid = 'feature_usage_internal'::regnamespace AND deptype = 'e';
-- The registry's triggers also run in apply workers of logical replication, and are dropped with the
-- extension.
SELECT tgname AS trigger, tgenabled AS enabled, tgtype & 1 = 1 AS for_each_row,
       EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'x') AS depends_on_extension
  FROM pg_trigger AS t WHERE tgrelid = 'usage_features'::regclass ORDER BY tgname;

-- Running the setup again changes nothing.
SELECT test.fingerprint() AS before \gset
SELECT feature_usage_setup();
SELECT test.fingerprint() = :'before' AS is_unchanged;
\c :home
DROP DATABASE feature_usage_install;

-- Helpers of the tests, included into each test's database with ECHO none.

CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO PUBLIC;

-- The SQLSTATE of a statement; 00000 is success.
CREATE FUNCTION test.sqlstate(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN '00000';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END
$$;

-- An answer of admission without the fields that vary between runs.
CREATE FUNCTION test.brief(answer jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT answer - '{period,reset_at,expires_at,reservation_id}'::text[]
$$;

-- A list of caps, each as [effect] per used/limit.
CREATE FUNCTION test.brief_caps(caps jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_agg(concat_ws(' ', cap ->> 'effect', cap ->> 'per', cap ->> 'every', concat(cap ->> 'used', '/', cap ->> 'limit')) ORDER BY place)
      FROM jsonb_array_elements(caps) WITH ORDINALITY AS c (cap, place)
$$;

-- An answer about a feature with rules without the fields that vary: caps and what is exceeded in
-- short, s in place of the seconds until a retry.
CREATE FUNCTION test.brief_rules(answer jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT test.brief(answer)
           || CASE WHEN answer ? 'caps' THEN jsonb_build_object('caps', test.brief_caps(answer -> 'caps')) ELSE '{}' END
           || CASE WHEN answer ? 'exceeded' THEN jsonb_build_object('exceeded', test.brief_caps(answer -> 'exceeded')) ELSE '{}' END
           || CASE WHEN answer ->> 'retry_after' IS NOT NULL THEN '{"retry_after": "s"}'::jsonb ELSE '{}' END
$$;

-- The outcome of a call that returns jsonb or a number: its error_code, ok, or the SQLSTATE and the
-- message.
CREATE FUNCTION test.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
BEGIN
    EXECUTE 'SELECT to_jsonb((' || statement || '))' INTO answer;
    RETURN coalesce(answer ->> 'error_code', 'ok');
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END
$$;

-- The hint of a statement's error.
CREATE FUNCTION test.hint(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END
$$;

-- A hash of the tables' contents; if it is unchanged, nothing was written.
CREATE FUNCTION test.fingerprint() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN md5(concat(
        (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM feature_usage AS t),
        (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM plan_limits AS t),
        (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM user_plans AS t),
        (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM feature_reservations AS t),
        (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM feature_idempotency_keys AS t),
        (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM usage_counters AS t),
        (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM usage_rules AS t),
        (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM usage_grants AS t),
        (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM usage_alerts AS t),
        (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM usage_ledger AS t)));
END
$$;

-- The functions of the extension, and those of custom features.
CREATE VIEW test.functions AS
    SELECT p.oid, p.proname AS name, p.oid IN (SELECT objid FROM pg_depend WHERE deptype = 'e'
                                                  AND classid = 'pg_proc'::regclass) AS is_member,
           p.pronamespace <> e.extnamespace AS is_internal
      FROM pg_proc AS p
      JOIN pg_extension AS e ON e.extname = 'feature_usage'
     WHERE EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                      AND d.refobjid = e.oid AND d.deptype = 'e')
        OR p.pronamespace = e.extnamespace AND p.proname LIKE 'increment\_%';

-- The tables, in whichever schema the extension is.
CREATE VIEW test.relations AS
    SELECT c.oid, c.relname AS name, c.relkind AS kind
      FROM pg_class AS c
      JOIN pg_extension AS e ON e.extname = 'feature_usage' AND e.extnamespace = c.relnamespace
     WHERE c.relname IN ('feature_usage', 'plan_limits', 'user_plans', 'usage_features',
                         'feature_reservations', 'feature_idempotency_keys', 'usage_counters', 'usage_rules', 'usage_grants',
                         'usage_alerts', 'usage_ledger', 'usage_pools', 'usage_pool_members', 'usage_increments');

-- PUBLIC and all roles, by oid, because another test may drop its roles meanwhile.
CREATE VIEW test.roles AS SELECT 0::oid AS oid, 'public' AS name UNION ALL SELECT oid, rolname FROM pg_roles;

-- EXECUTE rights, as x. The functions of the private schema are one entry.
CREATE VIEW test.function_rights AS
    SELECT CASE WHEN f.is_internal THEN 'feature_usage_internal.…' ELSE f.name END AS name, r.name AS role,
           CASE WHEN has_function_privilege(r.oid, f.oid, 'EXECUTE') THEN 'x' ELSE '-' END AS rights
      FROM test.functions AS f
     CROSS JOIN test.roles AS r;

-- Table rights, in the letters of psql's \dp: r SELECT, a INSERT, w UPDATE, d DELETE, D TRUNCATE, x
-- REFERENCES, t TRIGGER.
CREATE VIEW test.table_rights AS
    SELECT t.name, r.name AS role,
           (SELECT string_agg(CASE WHEN has_table_privilege(r.oid, t.oid, privilege) THEN letter ELSE '-' END, '' ORDER BY n)
              FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'],
                          ARRAY['r', 'a', 'w', 'd', 'D', 'x', 't']) WITH ORDINALITY AS p (privilege, letter, n)) AS rights
      FROM test.relations AS t
     CROSS JOIN test.roles AS r;

-- Rights in the private schema: which, and on how many of its objects.
CREATE VIEW test.internal_rights AS
    SELECT r.name AS role,
           has_schema_privilege(r.oid, 'feature_usage_internal', 'USAGE') AS uses,
           has_schema_privilege(r.oid, 'feature_usage_internal', 'CREATE') AS creates,
           count(*) FILTER (WHERE has_table_privilege(r.oid, c.oid, 'SELECT')) = count(*) AS reads_all,
           count(*) FILTER (WHERE has_any_column_privilege(r.oid, c.oid, 'SELECT, REFERENCES')) AS reads,
           count(*) FILTER (WHERE has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                               OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')) AS writes
      FROM test.roles AS r
     CROSS JOIN pg_class AS c
     WHERE c.relnamespace = to_regnamespace('feature_usage_internal') AND c.relkind = 'r'
     GROUP BY r.name, r.oid;

-- Objects of the extension without a comment: itself, its members, its tables with their columns and
-- policies, and the functions of custom features.
CREATE VIEW test.without_comment AS
    SELECT 'extension ' || extname AS object FROM pg_extension
     WHERE extname = 'feature_usage' AND obj_description(oid, 'pg_extension') IS NULL
    UNION ALL
    SELECT 'function ' || name FROM test.functions WHERE obj_description(oid, 'pg_proc') IS NULL
    UNION ALL
    SELECT 'relation ' || name FROM test.relations WHERE obj_description(oid, 'pg_class') IS NULL
    UNION ALL
    SELECT 'column ' || t.name || '.' || a.attname FROM test.relations AS t
      JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE t.kind IN ('r', 'p') AND col_description(t.oid, a.attnum) IS NULL
    UNION ALL
    SELECT 'trigger ' || g.tgname FROM test.relations AS t JOIN pg_trigger AS g ON g.tgrelid = t.oid
     WHERE NOT g.tgisinternal AND obj_description(g.oid, 'pg_trigger') IS NULL
    UNION ALL
    SELECT 'schema ' || nspname FROM pg_namespace
     WHERE nspname = 'feature_usage_internal' AND obj_description(oid, 'pg_namespace') IS NULL
    UNION ALL
    SELECT 'internal table ' || relname FROM pg_class
     WHERE relnamespace = to_regnamespace('feature_usage_internal') AND relkind = 'r' AND obj_description(oid, 'pg_class') IS NULL
    UNION ALL
    SELECT 'policy ' || p.polname FROM test.relations AS t JOIN pg_policy AS p ON p.polrelid = t.oid
     WHERE obj_description(p.oid, 'pg_policy') IS NULL;

GRANT SELECT ON ALL TABLES IN SCHEMA test TO PUBLIC;

-- Omit the CONTEXT of errors.
\set SHOW_CONTEXT never

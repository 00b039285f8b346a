-- Generates the router's functions from the signatures of the extension's: names, defaults, comments and
-- grants stay those of the extension. Each function is two: one in PL/Proxy in the private schema, and the
-- public one, which calls it and tells errors as a single database does.

-- What a function's arguments cannot tell: of those about no user, how the answers of all shards are one.
CREATE TABLE IF NOT EXISTS feature_usage_router.functions_on_all (name text NOT NULL PRIMARY KEY, answer text NOT NULL, is_local boolean NOT NULL);
TRUNCATE feature_usage_router.functions_on_all;
COMMENT ON TABLE feature_usage_router.functions_on_all IS
'The functions that run on all shards, and the expression for the answer, of which answers is the array of theirs. is_local: then on the router as well.';
INSERT INTO feature_usage_router.functions_on_all VALUES
    ('add_feature', '', true),
    ('feature_usage_setup', '', true),
    ('expire_reservations', '(SELECT pg_catalog.sum(a) FROM pg_catalog.unnest(answers) AS a)', false),
    ('migrate_image_generation_log', '(SELECT pg_catalog.sum(a) FROM pg_catalog.unnest(answers) AS a)', false),
    ('prune_feature_usage', '(SELECT pg_catalog.jsonb_object_agg(s.key, s.total) FROM (SELECT e.key, pg_catalog.sum(e.value::pg_catalog.int8) AS total FROM pg_catalog.unnest(answers) AS a, pg_catalog.jsonb_each_text(a) AS e GROUP BY e.key) AS s)', false),
    ('void_grant', 'feature_usage_router.voided(answers)', false),
    -- In the order of the function itself.
    ('usage_report', 'ORDER BY r.bucket, r.feature_type COLLATE pg_catalog."C", r.pool_id NULLS FIRST, r.user_id NULLS FIRST', false);

CREATE TABLE IF NOT EXISTS feature_usage_router.routed (signature regprocedure NOT NULL PRIMARY KEY);
COMMENT ON TABLE feature_usage_router.routed IS
'The functions of the API that are routed already, and so are members of the extension no more.';

CREATE OR REPLACE FUNCTION feature_usage_router.api()
RETURNS TABLE (signature regprocedure, name text, kind text, is_for_users boolean, is_member boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT p.oid, p.proname,
           CASE WHEN 'p_events' = ANY (i.names) THEN 'batch'
                WHEN 'p_reservation_id' = ANY (i.names) THEN 'reservation'
                WHEN p.proname IN (SELECT f.name FROM feature_usage_router.functions_on_all AS f) THEN 'all'
                -- The first argument says whose usage it is about.
                WHEN i.names[1] = 'p_user_id' AND NOT p.proretset
                THEN CASE WHEN 'p_pool_id' = ANY (i.names) THEN 'owner' ELSE 'user' END END,
           has_function_privilege('authenticated', p.oid, 'EXECUTE'),
           m.objid IS NOT NULL
      FROM pg_extension AS e
      JOIN pg_proc AS p ON p.pronamespace = e.extnamespace AND p.prorettype <> 'trigger'::regtype
     CROSS JOIN LATERAL (SELECT p.proargnames[1:p.pronargs] AS names) AS i
      LEFT JOIN pg_depend AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid AND m.deptype = 'e'
                              AND m.refclassid = 'pg_extension'::regclass AND m.refobjid = e.oid
     WHERE e.extname = 'feature_usage'
       AND (m.objid IS NOT NULL
            OR p.oid IN (SELECT r.signature FROM feature_usage_router.routed AS r)
            -- The increment of a user-defined feature.
            OR p.prolang = (SELECT l.oid FROM pg_language AS l WHERE l.lanname = 'sql')
               AND p.prosrc LIKE 'SELECT %.increment_feature_usage(p_user_id, %::pg_catalog.text, p_count, p_period)'
               AND i.names = '{p_user_id,p_count,p_period}')
$function$;

COMMENT ON FUNCTION feature_usage_router.api() IS
'Returns the functions of the API, and by what each is routed: kind is NULL if that is not known.';

CREATE OR REPLACE FUNCTION feature_usage_router.route() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT a.signature FROM feature_usage_router.api() AS a WHERE a.kind IS NULL ORDER BY a.signature::text LOOP
        RAISE EXCEPTION 'nobody has said how to route %', one.signature
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'A function about one user has p_user_id as its first argument. One about no user needs a row in functions_on_all, in router/routes.sql.';
    END LOOP;
    FOR one IN SELECT a.* FROM feature_usage_router.api() AS a ORDER BY a.name LOOP
        PERFORM feature_usage_router.route_function(one.signature, one.kind, one.is_for_users, one.is_member);
    END LOOP;
    -- The setup gives the usual rights.
    PERFORM feature_usage_router.refuse_data();
END
$function$;
COMMENT ON FUNCTION feature_usage_router.route() IS
'Replaces the functions of the API by routed ones, and those of features that are new. Repeatable.';

CREATE OR REPLACE FUNCTION feature_usage_router.unroute_increments() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    home constant text := (SELECT quote_ident(s.nspname) FROM pg_extension AS e JOIN pg_namespace AS s ON s.oid = e.extnamespace
                            WHERE e.extname = 'feature_usage');
    one record;
BEGIN
    FOR one IN
        SELECT f.feature_type, home || '.' || quote_ident('increment_' || f.usage_column) AS name
          FROM feature_usage_internal.features(false) AS f JOIN feature_usage_router.routed AS r
            ON r.signature = to_regprocedure(home || '.' || quote_ident('increment_' || f.usage_column) || '(uuid, integer, text)')
         WHERE NOT f.is_builtin
    LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION %s(p_user_id uuid, p_count integer, p_period text) RETURNS void LANGUAGE sql SET search_path = '''' AS %L',
            one.name, format('SELECT %s.increment_feature_usage(p_user_id, %L::pg_catalog.text, p_count, p_period)', home, one.feature_type));
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_router.unroute_increments() IS
'Makes the increments of user-defined features again what the setup expects, until route() runs.';

CREATE OR REPLACE FUNCTION feature_usage_router.route_function(p_signature regprocedure, p_kind text, p_is_for_users boolean, p_is_member boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    f record;
    on_all feature_usage_router.functions_on_all;
    numbers text;
    call text;
    run_on text;
    body text;
    as_user text;
BEGIN
    SELECT p.*, quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS qualified,
           'feature_usage_router.' || quote_ident(p.proname) AS inner_name,
           pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
           -- Without their defaults, which only the public function has.
           (SELECT string_agg(format('%I %s', p.proargnames[a.number], format_type(a.type, NULL)), ', ' ORDER BY a.number)
              FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, number)) AS plain_arguments
      INTO f FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.oid = p_signature;
    SELECT * INTO on_all FROM feature_usage_router.functions_on_all AS o WHERE o.name = f.proname;
    numbers := (SELECT coalesce(string_agg('$' || n, ', ' ORDER BY n), '') FROM generate_series(1, f.pronargs) AS n);
    IF p_is_member THEN
        IF on_all.is_local THEN
            EXECUTE format('DROP FUNCTION IF EXISTS feature_usage_router.%I', 'local_' || f.proname);
            EXECUTE regexp_replace(pg_get_functiondef(p_signature), '^CREATE OR REPLACE FUNCTION [^(]*',
                                   'CREATE FUNCTION feature_usage_router.' || quote_ident('local_' || f.proname));
            EXECUTE format('REVOKE ALL ON FUNCTION feature_usage_router.%I FROM PUBLIC', 'local_' || f.proname);
        END IF;
        EXECUTE format('ALTER EXTENSION feature_usage DROP FUNCTION %s', p_signature);
    END IF;
    INSERT INTO feature_usage_router.routed VALUES (p_signature) ON CONFLICT DO NOTHING;

    run_on := CASE p_kind
        WHEN 'user' THEN 'feature_usage_router.place(p_user_id)'
        WHEN 'owner' THEN 'feature_usage_router.place(p_user_id, p_pool_id)'
        WHEN 'reservation' THEN 'feature_usage_router.place_of_reservation(p_reservation_id)'
        -- Rows of a pool are on its shard; a user's are also on those of the pools.
        WHEN 'all' THEN CASE WHEN 'p_pool_id' = ANY (f.proargnames) THEN 'feature_usage_router.places(p_pool_id)' ELSE 'ALL' END END;
    call := format('SELECT %s FROM %s(%s) AS r', CASE WHEN f.proretset THEN 'r.*' ELSE 'r' END, f.qualified, numbers);
    IF p_kind <> 'batch' THEN
        PERFORM feature_usage_router.create_routed(f.inner_name, f.plain_arguments, f.result, p_kind = 'all' AND NOT f.proretset, run_on, call);
    END IF;
    IF p_is_for_users THEN
        -- As the role and the user that the router vouches for. FROM is evaluated before SELECT.
        as_user := 'feature_usage_router.' || quote_ident(f.proname || '_as_user');
        PERFORM feature_usage_router.create_routed(as_user, concat_ws(', ', f.plain_arguments, 'p_claims text'), f.result, false, run_on, format(
            'SELECT %s FROM pg_catalog.set_config(''role'', ''authenticated'', true) AS x, pg_catalog.set_config(''request.jwt.claims'', $%s, true) AS y, LATERAL %s(%s) AS r',
            CASE WHEN f.proretset THEN 'r.*' ELSE 'r' END, f.pronargs + 1, f.qualified, numbers));
    END IF;

    -- The public function. It has no operators, since the caller chooses the search path.
    body := CASE
        WHEN f.proretset
        THEN format('RETURN QUERY SELECT * FROM %s(%s) AS r %s;', f.inner_name, numbers, on_all.answer)
        WHEN p_kind = 'all' AND f.prorettype = 'void'::regtype
        THEN format('PERFORM %s(%s);', f.inner_name, numbers)
        WHEN p_kind = 'all'
        THEN format('DECLARE answers %s[]; BEGIN answers := ARRAY(SELECT a FROM %s(%s) AS a); RETURN %s; END;',
                    format_type(f.prorettype, NULL), f.inner_name, numbers, on_all.answer)
        WHEN f.prorettype = 'void'::regtype
        THEN format('PERFORM %s(%s);', f.inner_name, numbers)
        ELSE format('RETURN %s(%s);', f.inner_name, numbers) END;
    IF p_is_for_users THEN
        body := format('IF feature_usage_router.is_server() THEN %s ELSE %s END IF;', body,
            replace(replace(body, f.inner_name || '(', as_user || '('), '(' || numbers || ')',
                    '(' || concat_ws(', ', nullif(numbers, ''), 'feature_usage_router.claims()') || ')'));
    END IF;
    IF on_all.is_local THEN
        body := format('PERFORM feature_usage_router.require_changeable(); %s PERFORM feature_usage_router.unroute_increments(); PERFORM feature_usage_router.%I(%s); PERFORM feature_usage_router.route();',
                       body, 'local_' || f.proname, numbers);
    END IF;
    EXECUTE format('CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s LANGUAGE plpgsql %s AS %L',
        f.qualified, f.arguments, f.result,
        concat_ws(' ', CASE f.provolatile WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
                  CASE WHEN p_is_for_users THEN 'SECURITY DEFINER SET search_path = pg_catalog, pg_temp' END),
        format($$
#variable_conflict use_column
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    %s
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM feature_usage_router.fail(state, message, detail, hint);
END
$$, body));
    PERFORM feature_usage_router.grant_inner(f.inner_name, has_function_privilege('service_role', p_signature, 'EXECUTE') AND NOT p_is_for_users);
END
$function$;

CREATE OR REPLACE FUNCTION feature_usage_router.create_routed(p_name text, p_arguments text, p_result text, p_is_set boolean, p_run_on text, p_call text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s LANGUAGE plproxy AS %L', p_name, p_arguments,
        CASE WHEN p_is_set THEN 'SETOF ' ELSE '' END || p_result,
        format(E'\nCLUSTER feature_usage_router.pass_gate();\nRUN ON %s;\n%s;\n', p_run_on, p_call));
    PERFORM feature_usage_router.grant_inner(p_name, false);
END
$function$;

CREATE OR REPLACE FUNCTION feature_usage_router.grant_inner(p_name text, p_is_for_service boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', p_name);
    IF p_is_for_service THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', p_name);
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_router.grant_inner(text, boolean) IS
'Lets only service_role call a function of the private schema, or nobody but the owner.';

-- All else in this schema is for the owner, except what calls of service_role pass through.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA feature_usage_router FROM PUBLIC;
GRANT SELECT ON feature_usage_router.gate TO service_role;
GRANT EXECUTE ON FUNCTION feature_usage_router.pass_gate(), feature_usage_router.place(uuid), feature_usage_router.place(uuid, uuid),
    feature_usage_router.place_of_reservation(uuid), feature_usage_router.places(uuid), feature_usage_router.shards(text),
    feature_usage_router.is_server(), feature_usage_router.voided(jsonb[]), feature_usage_router.place_of_event(jsonb),
    feature_usage_router.record_parts(jsonb[], integer[]), feature_usage_router.fail(text, text, text, text),
    feature_usage_router.raise(text, text, text, text), feature_usage_router.record_usage(jsonb) TO service_role;

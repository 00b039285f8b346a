-- Errors of shards as those of the router: the same SQLSTATE, message and hint as on a single database.

-- A RAISE shows a detail or hint that is empty, and takes no NULL.
CREATE OR REPLACE FUNCTION feature_usage_router.raise(p_state text, p_message text, p_detail text, p_hint text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF p_detail <> '' AND p_hint <> '' THEN
        RAISE EXCEPTION USING ERRCODE = p_state, MESSAGE = p_message, DETAIL = p_detail, HINT = p_hint;
    ELSIF p_detail <> '' THEN
        RAISE EXCEPTION USING ERRCODE = p_state, MESSAGE = p_message, DETAIL = p_detail;
    ELSIF p_hint <> '' THEN
        RAISE EXCEPTION USING ERRCODE = p_state, MESSAGE = p_message, HINT = p_hint;
    END IF;
    RAISE EXCEPTION USING ERRCODE = p_state, MESSAGE = p_message;
END
$function$;

CREATE OR REPLACE FUNCTION feature_usage_router.fail(p_state text, p_message text, p_detail text, p_hint text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    remote constant text := substring(p_message FROM '\] REMOTE ERROR: (.*)$');
    -- The end of a session, for instance because the server stops: what it was asked for may have happened.
    lost constant text := substring(p_message FROM '(\[[^]]*\] REMOTE (FATAL|PANIC): .*)$');
    hint constant text := regexp_replace(p_hint, '^Remote hint: ', '');
    detail constant text := regexp_replace(p_detail, '^Remote detail: ', '');
    problem constant text := coalesce(lost, substring(p_message FROM 'P[Ll]/Proxy(?: function [^:]*)?: (.*)$'));
BEGIN
    IF remote IS NOT NULL THEN
        PERFORM feature_usage_router.raise(p_state, remote, detail, hint);
    ELSIF problem IS NULL THEN
        PERFORM feature_usage_router.raise(p_state, p_message, p_detail, p_hint);
    END IF;
    IF NOT EXISTS (SELECT FROM feature_usage_router.shards()) THEN
        RAISE EXCEPTION 'the router has no shards'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'The options p0, p1, ... of SERVER feature_usage must be 1, 2, 4, 8, ... connection strings.';
    ELSIF problem LIKE '[%' THEN
        -- Where the shards are is nothing that signed-in users should know.
        PERFORM feature_usage_router.raise('08006', 'the shard of this call does not answer',
            CASE WHEN feature_usage_router.is_server() THEN problem END,
            'Other shards go on. Try again later. Whether this call has had an effect is not known, so repeat it with the same idempotency key.');
    END IF;
    RAISE EXCEPTION USING ERRCODE = p_state, MESSAGE = 'the call could not be routed: ' || problem,
        HINT = 'Compare SERVER feature_usage and its user mappings with docs/scale.md.';
END
$function$;
COMMENT ON FUNCTION feature_usage_router.fail(text, text, text, text) IS
'Raises what PL/Proxy says of a shard''s error as that error, and a shard that does not answer as 08006.';

-- record_usage: each event goes to its shard. A batch for one shard is all or nothing, as on a single
-- database. One for several is counted in parts, so each event needs an idempotency key: then the batch can
-- be repeated, and what was counted is not counted again.

-- The shards answer at the same time; an error is a row, so that it is known which part was counted.
CREATE OR REPLACE FUNCTION feature_usage_router.record_parts(p_parts jsonb[], p_places integer[])
RETURNS TABLE (place integer, counted integer, state text, message text, detail text, hint text)
LANGUAGE plproxy AS $$
    CLUSTER feature_usage_router.pass_gate();
    SPLIT p_parts, p_places;
    RUN ON p_places;
    SELECT (p_places)[1] AS place, r.counted, r.state, r.message, r.detail, r.hint FROM feature_usage_shard.record((p_parts)[1]) AS r;
$$;

-- The place of an event; NULL if it has none that can be read.
CREATE OR REPLACE FUNCTION feature_usage_router.place_of_event(p_event jsonb) RETURNS integer
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF jsonb_typeof(p_event) <> 'object' THEN
        RETURN NULL;
    END IF;
    RETURN uuid_hash(coalesce((p_event ->> 'pool_id')::uuid, (p_event ->> 'user_id')::uuid));
EXCEPTION WHEN invalid_text_representation THEN
    RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION feature_usage_router.record_usage(p_events jsonb) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    again constant text := 'Repeat the batch with the same idempotency keys: what was counted is not counted again.';
    mask integer;
    parts record;
    answer record;
    failed record;
    counted integer := 0;
    done integer := 0;
    without_key integer;
    state text; message text; detail text; hint text;
BEGIN
    -- Before the shards are counted: a split must not change their number meanwhile.
    PERFORM feature_usage_router.pass_gate();
    SELECT count(*) - 1 INTO mask FROM feature_usage_router.shards();
    -- One shard, or an event whose shard cannot be told, which is an error: let one shard answer it all.
    SELECT array_agg(p.events ORDER BY p.shard) AS events, array_agg(p.shard ORDER BY p.shard) AS shards,
           jsonb_object_agg(coalesce(p.shard, -1), p.numbers) AS numbers, bool_or(p.shard IS NULL) AS has_unreadable, count(*) AS amount
      INTO parts
      FROM (SELECT feature_usage_router.place_of_event(e.event) & mask AS shard,
                   jsonb_agg(e.event ORDER BY e.number) AS events, jsonb_agg(e.number - 1 ORDER BY e.number) AS numbers
              FROM jsonb_array_elements(CASE jsonb_typeof(p_events) WHEN 'array' THEN p_events ELSE '[]' END)
                   WITH ORDINALITY AS e (event, number)
             GROUP BY 1) AS p;
    IF parts.has_unreadable OR parts.amount < 2 THEN
        SELECT r.* INTO answer FROM feature_usage_router.record_parts(
            ARRAY[p_events], ARRAY[CASE WHEN parts.has_unreadable THEN 0 ELSE coalesce(parts.shards[1], 0) END]) AS r;
        IF answer.state IS NOT NULL THEN
            PERFORM feature_usage_router.raise(answer.state, answer.message, answer.detail, answer.hint);
        END IF;
        RETURN answer.counted;
    END IF;

    SELECT min(e.number) - 1 INTO without_key FROM jsonb_array_elements(p_events) WITH ORDINALITY AS e (event, number)
     WHERE e.event ->> 'idempotency_key' IS NULL;
    IF without_key IS NOT NULL THEN
        RAISE EXCEPTION 'event %: idempotency_key is missing, and the events belong to several shards', without_key
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Nothing of the batch was counted. Give each event an idempotency_key, so that the batch can be repeated if it is counted in part; or send batches of one user or pool.';
    END IF;

    BEGIN
        FOR answer IN SELECT r.* FROM feature_usage_router.record_parts(parts.events, parts.shards) AS r ORDER BY r.place LOOP
            IF answer.state IS NULL THEN
                counted := counted + answer.counted;
                done := done + jsonb_array_length(parts.numbers -> answer.place::text);
            ELSE
                failed := coalesce(failed, answer);
            END IF;
        END LOOP;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        BEGIN
            PERFORM feature_usage_router.fail(state, message, detail, hint);
        EXCEPTION WHEN connection_failure THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
            PERFORM feature_usage_router.raise('08006', 'a shard of this batch does not answer, so it may be counted in part', detail, again);
        END;
    END;
    IF failed IS NULL THEN
        RETURN counted;
    END IF;
    -- The index of the whole batch, in place of that of the part.
    message := failed.message;
    IF message ~ '^event \d+: ' THEN
        message := regexp_replace(message, '^event \d+',
            'event ' || (parts.numbers -> failed.place::text ->> substring(message FROM '^event (\d+)')::integer));
    END IF;
    RAISE EXCEPTION USING ERRCODE = failed.state, MESSAGE = message,
        DETAIL = format('%s of %s events are counted, those of other shards.', done, jsonb_array_length(p_events)),
        HINT = CASE WHEN failed.state IN ('22023', '22003') THEN 'Correct or remove the event. ' ELSE '' END || again;
END
$function$;
COMMENT ON FUNCTION feature_usage_router.record_usage(jsonb) IS
'record_usage() for several shards: each counts its part of the batch, all of it or nothing.';

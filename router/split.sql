-- The cut of a split. While one is running, SERVER feature_usage_split lists the old shards and the new ones;
-- SERVER feature_usage, by which calls are routed, lists the new ones only after the cut.

CREATE OR REPLACE FUNCTION feature_usage_router.position_of(p_shard integer) RETURNS pg_lsn
LANGUAGE plproxy AS $$ CLUSTER 'feature_usage_split'; RUN ON p_shard; SELECT feature_usage_shard.position(); $$;
CREATE OR REPLACE FUNCTION feature_usage_router.has_sent(p_shard integer, p_lsn pg_lsn) RETURNS boolean
LANGUAGE plproxy AS $$ CLUSTER 'feature_usage_split'; RUN ON p_shard; SELECT feature_usage_shard.has_sent(p_lsn); $$;
CREATE OR REPLACE FUNCTION feature_usage_router.has_copied(p_shard integer) RETURNS boolean
LANGUAGE plproxy AS $$ CLUSTER 'feature_usage_split'; RUN ON p_shard; SELECT feature_usage_shard.has_copied(); $$;
CREATE OR REPLACE FUNCTION feature_usage_router.take_over(p_shard integer) RETURNS boolean
LANGUAGE plproxy AS $$ CLUSTER 'feature_usage_split'; RUN ON p_shard; SELECT feature_usage_shard.take_over(); $$;

CREATE OR REPLACE FUNCTION feature_usage_router.stage() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT CASE (SELECT count(*) FROM feature_usage_router.shards('feature_usage_split'))
                WHEN 0 THEN 'none' WHEN (SELECT count(*) FROM feature_usage_router.shards()) THEN 'cut' ELSE 'copying' END
$function$;
COMMENT ON FUNCTION feature_usage_router.stage() IS
'Returns how far a split is: none, copying, or cut, when calls go to the new shards and the old ones are to be tidied.';

-- Before the shards are changed: they and the router must change together.
CREATE OR REPLACE FUNCTION feature_usage_router.require_changeable() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'this router is a standby'
            USING ERRCODE = 'read_only_sql_transaction', HINT = 'Do this on the first router, which the others follow.';
    ELSIF feature_usage_router.stage() <> 'none' THEN
        RAISE EXCEPTION 'the shards are being split'
            USING ERRCODE = 'object_in_use', HINT = 'The new shards would miss the change. Let dev/split end, then retry.';
    END IF;
END
$function$;

CREATE OR REPLACE FUNCTION feature_usage_router.require(p_is_true boolean, p_until timestamptz, p_what text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF p_is_true THEN
        RETURN true;
    ELSIF clock_timestamp() > p_until THEN
        RAISE EXCEPTION '%', p_what
            USING ERRCODE = 'lock_not_available', HINT = 'The gate is open again and nothing has changed. Run dev/split again when there is less to do.';
    END IF;
    PERFORM pg_sleep(0.01);
    RETURN false;
END
$function$;

-- In one transaction: whatever interrupts it, calls go on as before.
CREATE OR REPLACE FUNCTION feature_usage_router.cut(p_patience interval DEFAULT '10 seconds') RETURNS interval
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    old_shards constant integer[] := ARRAY(SELECT s.number FROM feature_usage_router.shards() AS s);
    new_shards constant integer[] := ARRAY(SELECT s.number FROM feature_usage_router.shards('feature_usage_split') AS s WHERE s.number <> ALL (old_shards));
    positions pg_lsn[];
    until timestamptz;
    closed_at timestamptz;
    here pg_lsn;
    shard integer;
BEGIN
    IF feature_usage_router.stage() <> 'copying' OR cardinality(new_shards) <> cardinality(old_shards) THEN
        RAISE EXCEPTION 'no split is prepared' USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run dev/split.';
    END IF;
    FOREACH shard IN ARRAY new_shards LOOP
        IF NOT feature_usage_router.has_copied(shard) THEN
            RAISE EXCEPTION 'shard % has not copied everything', shard
                USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run dev/split, which waits for that.';
        END IF;
    END LOOP;
    -- Standbys of this router, which are routers too, must be connected, or they would go on by the old list.
    IF EXISTS (SELECT FROM pg_replication_slots AS s WHERE s.slot_type = 'physical' AND NOT s.active) THEN
        RAISE EXCEPTION 'a standby of the router is not connected'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Start it, or drop its replication slot if it is gone for good.';
    END IF;
    -- Calls that wait behind this lock must not wait for long.
    PERFORM set_config('lock_timeout', (extract(epoch FROM p_patience) * 1000)::integer::text, true);
    LOCK TABLE feature_usage_router.gate IN ACCESS EXCLUSIVE MODE;
    closed_at := clock_timestamp();
    until := closed_at + p_patience;
    here := pg_current_wal_insert_lsn();
    PERFORM pg_logical_emit_message(false, 'feature_usage_split', 'gate');
    -- A standby closes its gate when it replays the lock, and opens it when it replays the end of this
    -- transaction, with the new list.
    LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN feature_usage_router.require(
            NOT EXISTS (SELECT FROM pg_stat_replication AS r JOIN pg_replication_slots AS s ON s.active_pid = r.pid
                         WHERE s.slot_type = 'physical' AND coalesce(r.replay_lsn < here, true)),
            until, 'a standby of the router has not closed its gate in time');
    END LOOP;
    positions := ARRAY(SELECT feature_usage_router.position_of(s) FROM unnest(old_shards) AS s);
    FOREACH shard IN ARRAY old_shards LOOP
        LOOP
            EXIT WHEN feature_usage_router.require(feature_usage_router.has_sent(shard, positions[array_position(old_shards, shard)]),
                                                   until, format('the new shard has not caught up with shard %s in time', shard));
        END LOOP;
    END LOOP;
    FOREACH shard IN ARRAY new_shards LOOP
        IF NOT feature_usage_router.take_over(shard) THEN
            RAISE EXCEPTION 'shard % has not copied everything', shard
                USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run dev/split again.';
        END IF;
    END LOOP;
    EXECUTE (SELECT 'ALTER SERVER feature_usage OPTIONS (' || string_agg(format('ADD p%s %L', s.number, s.connection), ', ') || ')'
               FROM feature_usage_router.shards('feature_usage_split') AS s WHERE s.number = ANY (new_shards));
    RETURN clock_timestamp() - closed_at;
END
$function$;
COMMENT ON FUNCTION feature_usage_router.cut(interval) IS
'Lets calls wait, until the new shards have everything, and then go to them. Returns how long the gate was closed.';
REVOKE ALL ON FUNCTION feature_usage_router.position_of(integer), feature_usage_router.has_sent(integer, pg_lsn), feature_usage_router.has_copied(integer),
    feature_usage_router.take_over(integer), feature_usage_router.stage(), feature_usage_router.require_changeable(),
    feature_usage_router.require(boolean, timestamptz, text), feature_usage_router.cut(interval) FROM PUBLIC;

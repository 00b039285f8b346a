-- A split: half of the users and pools of this shard move to a new one. Rows are copied by logical
-- replication, the publication feature_usage_split.

-- Every table of ours with rows of users or pools; so also one that a later version adds.
CREATE OR REPLACE FUNCTION feature_usage_shard.moving_tables()
RETURNS TABLE (relation regclass, name text, place text, needs_whole_rows boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.name,
           -- Built-in functions only, because a publication filters by this. A call in a pool is on the
           -- pool's shard, and so is its idempotency key.
           CASE WHEN c.names @> '{pool_id,user_id}'
                THEN 'uuid_hash(CASE WHEN pool_id IS NULL OR pool_id = ''00000000-0000-0000-0000-000000000000''::uuid THEN user_id ELSE pool_id END)'
                WHEN c.names @> '{arguments,user_id}'
                THEN 'uuid_hash(COALESCE(uuid_in(textout(arguments ->> ''pool_id''::text)), user_id))'
                WHEN c.names @> '{user_id}' THEN 'uuid_hash(user_id)'
                WHEN c.names @> '{pool_id}' THEN 'uuid_hash(pool_id)' END,
           -- The old row of a change is in the log with its key only, unless it is asked for.
           NOT coalesce(k.names, '{}') @> ARRAY(SELECT n FROM unnest(c.names) AS n WHERE n IN ('user_id', 'pool_id', 'arguments'))
      FROM feature_usage_internal.relations() AS r
     CROSS JOIN LATERAL (SELECT array_agg(a.attname::text) AS names FROM pg_attribute AS a
                          WHERE a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped) AS c
      LEFT JOIN LATERAL (SELECT array_agg(a.attname::text) AS names FROM pg_index AS i
                           JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                          WHERE i.indrelid = r.relation AND i.indisprimary) AS k ON true
     WHERE r.is_table
       -- These are written on the router, or are the same everywhere.
       AND r.name <> ALL ('{plan_limits,usage_rules,usage_pools,usage_pool_members,usage_features}')
     ORDER BY r.lock_order
$function$;
COMMENT ON FUNCTION feature_usage_shard.moving_tables() IS
'Returns the tables whose rows move, and the expression that tells a row''s place; NULL if that is not known.';

CREATE TABLE IF NOT EXISTS feature_usage_shard.identities (relation regclass NOT NULL PRIMARY KEY, identity "char" NOT NULL);
COMMENT ON TABLE feature_usage_shard.identities IS
'The replica identities that tables had before the split.';

-- Statements, and not what they do, so that each is a transaction: none waits for a table with another locked.
CREATE OR REPLACE FUNCTION feature_usage_shard.statements_to_publish(p_mask integer, p_number integer) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    unknown text;
BEGIN
    SELECT m.name INTO unknown FROM feature_usage_shard.moving_tables() AS m WHERE m.place IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'nobody has said where the rows of % belong', unknown
            USING ERRCODE = 'feature_not_supported', HINT = 'A table of users'' data has a column user_id, pool_id or both: router/shard/moving.sql.';
    END IF;
    INSERT INTO feature_usage_shard.identities
    SELECT m.relation, c.relreplident FROM feature_usage_shard.moving_tables() AS m JOIN pg_class AS c ON c.oid = m.relation
     WHERE m.needs_whole_rows AND c.relreplident = 'd' ON CONFLICT DO NOTHING;
    -- Before the publication: a published table whose filter reads more than the identity takes no updates.
    RETURN QUERY SELECT format('ALTER TABLE %s REPLICA IDENTITY FULL', m.relation)
                   FROM feature_usage_shard.moving_tables() AS m WHERE m.needs_whole_rows;
    RETURN QUERY SELECT 'CREATE PUBLICATION feature_usage_split FOR TABLE ' || string_agg(
                            format('%s WHERE ((%s & %s) = %s)', m.relation, m.place, p_mask, p_number), ', ')
                   FROM feature_usage_shard.moving_tables() AS m;
    RETURN NEXT format('SELECT FROM pg_create_logical_replication_slot(%L, ''pgoutput'')', 'feature_usage_split_' || p_number);
END
$function$;
COMMENT ON FUNCTION feature_usage_shard.statements_to_publish(integer, integer) IS
'Returns the statements that begin to publish the rows that move to the shard p_number.';

CREATE OR REPLACE FUNCTION feature_usage_shard.statements_to_unpublish() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    -- Slots of copies that were interrupted as well.
    SELECT format('SELECT pg_terminate_backend(%s, 10000)', s.active_pid) FROM pg_replication_slots AS s
     WHERE s.database = current_database() AND s.active_pid IS NOT NULL AND (s.slot_name LIKE 'feature\_usage\_split\_%' OR s.slot_name LIKE 'pg\_%\_sync\_%')
     UNION ALL
    SELECT format('SELECT pg_drop_replication_slot(%L)', s.slot_name) FROM pg_replication_slots AS s
     WHERE s.database = current_database() AND (s.slot_name LIKE 'feature\_usage\_split\_%' OR s.slot_name LIKE 'pg\_%\_sync\_%')
     UNION ALL
    SELECT 'DROP PUBLICATION IF EXISTS feature_usage_split'
     UNION ALL
    SELECT format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', i.relation) FROM feature_usage_shard.identities AS i
     UNION ALL
    SELECT 'TRUNCATE feature_usage_shard.identities'
$function$;
COMMENT ON FUNCTION feature_usage_shard.statements_to_unpublish() IS
'Returns the statements that end the publication, whichever of its steps were taken.';

-- The moment of the cut: no call runs, so what is committed is all there is.
CREATE OR REPLACE FUNCTION feature_usage_shard.position(OUT lsn pg_lsn)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    lsn := pg_current_wal_insert_lsn();
    -- Something to flush and to send after this position, even if nothing else happens.
    PERFORM pg_logical_emit_message(true, 'feature_usage_split', 'cut');
END
$function$;

CREATE OR REPLACE FUNCTION feature_usage_shard.has_sent(p_lsn pg_lsn) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT coalesce(bool_and(s.active AND s.confirmed_flush_lsn >= p_lsn), false) FROM pg_replication_slots AS s
     WHERE s.database = current_database() AND s.slot_name LIKE 'feature\_usage\_split\_%'
$function$;
COMMENT ON FUNCTION feature_usage_shard.has_sent(pg_lsn) IS
'Returns whether the new shard has everything up to this position.';

CREATE OR REPLACE FUNCTION feature_usage_shard.has_copied() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT coalesce(bool_and(r.srsubstate = 'r'), false)
      FROM pg_subscription AS s LEFT JOIN pg_subscription_rel AS r ON r.srsubid = s.oid
     WHERE s.subname = 'feature_usage_split' AND s.subdbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
$function$;
COMMENT ON FUNCTION feature_usage_shard.has_copied() IS
'Returns whether this new shard has copied all tables, and now follows their changes.';

CREATE OR REPLACE FUNCTION feature_usage_shard.take_over() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    one record;
BEGIN
    IF NOT feature_usage_shard.has_copied() THEN
        RETURN false;
    END IF;
    -- Replication copies numbers, and not the sequences that they come from.
    FOR one IN
        SELECT m.relation, quote_ident(a.attname) AS name, pg_get_serial_sequence(m.relation::text, a.attname) AS numbers
          FROM feature_usage_shard.moving_tables() AS m JOIN pg_attribute AS a ON a.attrelid = m.relation AND a.attnum > 0 AND NOT a.attisdropped
         WHERE pg_get_serial_sequence(m.relation::text, a.attname) IS NOT NULL
    LOOP
        EXECUTE format('SELECT setval(%L, greatest(coalesce(max(%s), 0), (SELECT last_value FROM %s)) + 1, false) FROM %s',
                       one.numbers, one.name, one.numbers, one.relation);
    END LOOP;
    RETURN true;
END
$function$;
COMMENT ON FUNCTION feature_usage_shard.take_over() IS
'Prepares this new shard for calls; returns false if it has not copied everything.';

CREATE OR REPLACE PROCEDURE feature_usage_shard.delete_moved(p_mask integer, p_number integer)
LANGUAGE plpgsql AS $procedure$
DECLARE
    one record;
    -- Blocks of a table per transaction.
    step constant bigint := 1000;
    first bigint;
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = 'feature_usage_split') THEN
        RAISE EXCEPTION 'the new shard still follows this one, and would delete the same rows'
            USING ERRCODE = 'object_in_use', HINT = 'Drop the subscription and the publication feature_usage_split first.';
    END IF;
    FOR one IN SELECT m.relation, m.place FROM feature_usage_shard.moving_tables() AS m LOOP
        -- In small transactions, for the sake of vacuum and of replicas.
        first := 0;
        WHILE first * pg_catalog.current_setting('block_size')::bigint < pg_catalog.pg_relation_size(one.relation) LOOP
            EXECUTE pg_catalog.format('DELETE FROM %s WHERE ctid >= %L::tid AND ctid < %L::tid AND (%s & %s) = %s',
                                      one.relation, '(' || first || ',0)', '(' || first + step || ',0)', one.place, p_mask, p_number);
            COMMIT;
            first := first + step;
        END LOOP;
    END LOOP;
END
$procedure$;
COMMENT ON PROCEDURE feature_usage_shard.delete_moved(integer, integer) IS
'Deletes the rows that have moved to the shard p_number, to which the router sends their calls by now.';
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA feature_usage_shard FROM PUBLIC;
REVOKE ALL ON PROCEDURE feature_usage_shard.delete_moved(integer, integer) FROM PUBLIC;

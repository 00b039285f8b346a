-- Where a call runs, and the gate through which every call goes.

-- Calls read this table, and so hold a lock on it until they end. A split locks it exclusively: calls wait
-- until it has changed the shards. A lock on a table also makes a waiting session notice that change, which
-- an advisory lock would not.
CREATE TABLE IF NOT EXISTS feature_usage_router.gate (cluster text NOT NULL PRIMARY KEY CHECK (cluster = 'feature_usage'));
INSERT INTO feature_usage_router.gate VALUES ('feature_usage') ON CONFLICT DO NOTHING;
COMMENT ON TABLE feature_usage_router.gate IS
'The gate: every call holds a lock on it. Its row names the server, in the sense of CREATE SERVER, that lists the shards.';

CREATE OR REPLACE FUNCTION feature_usage_router.pass_gate() RETURNS SETOF text
LANGUAGE sql STABLE AS $$ SELECT g.cluster FROM feature_usage_router.gate AS g $$;
COMMENT ON FUNCTION feature_usage_router.pass_gate() IS
'Locks the gate until the end of the transaction, and returns the name of the server.';

-- A NULL goes to any shard, which raises the error. Immutable and without SET, so that they are inlined.
CREATE OR REPLACE FUNCTION feature_usage_router.place(p_user_id uuid) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(pg_catalog.uuid_hash(p_user_id), 0) $$;
CREATE OR REPLACE FUNCTION feature_usage_router.place(p_user_id uuid, p_pool_id uuid) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(pg_catalog.uuid_hash(coalesce(p_pool_id, p_user_id)), 0) $$;
COMMENT ON FUNCTION feature_usage_router.place(uuid, uuid) IS
'Returns the place of a pool or, without one, of a user. Its last bits are the number of the shard.';

CREATE OR REPLACE FUNCTION feature_usage_router.place_of_reservation(p_reservation_id uuid) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(pg_catalog.get_byte(pg_catalog.uuid_send(p_reservation_id), 14) OPERATOR(pg_catalog.*) 256
                    OPERATOR(pg_catalog.+) pg_catalog.get_byte(pg_catalog.uuid_send(p_reservation_id), 15), 0)
$$;
COMMENT ON FUNCTION feature_usage_router.place_of_reservation(uuid) IS
'Returns the last 16 bits of the id of a reservation, which are those of the place of its pool or user.';

CREATE OR REPLACE FUNCTION feature_usage_router.shards(p_server text DEFAULT 'feature_usage') RETURNS TABLE (number integer, connection text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT substr(o.option_name, 2)::integer, o.option_value
      FROM pg_foreign_server AS s, pg_options_to_table(s.srvoptions) AS o
     WHERE s.srvname = p_server AND o.option_name ~ '^p\d+$' ORDER BY 1
$$;
COMMENT ON FUNCTION feature_usage_router.shards(text) IS
'Returns the shards of a server: their numbers and connection strings.';

-- The places of all shards, or that of the pool whose rows are asked for.
CREATE OR REPLACE FUNCTION feature_usage_router.places(p_pool_id uuid DEFAULT NULL) RETURNS SETOF integer
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT uuid_hash(p_pool_id) WHERE p_pool_id IS NOT NULL
     UNION ALL
    SELECT s.number FROM feature_usage_router.shards() AS s WHERE p_pool_id IS NULL
$$;

-- Whether router and shards agree.

CREATE SCHEMA IF NOT EXISTS feature_usage_shard;
REVOKE ALL ON SCHEMA feature_usage_shard FROM PUBLIC;
\ir shard/state.sql
CREATE OR REPLACE FUNCTION feature_usage_router.state_of_shards(p_numbers integer[]) RETURNS TABLE (number integer, what text, value text)
LANGUAGE plproxy AS $$
    CLUSTER 'feature_usage';
    SPLIT p_numbers;
    RUN ON p_numbers;
    SELECT (p_numbers)[1] AS number, s.what, s.value FROM feature_usage_shard.state() AS s;
$$;

CREATE OR REPLACE FUNCTION feature_usage_router.problems() RETURNS TABLE (problem text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    numbers constant integer[] := ARRAY(SELECT s.number FROM feature_usage_router.shards() AS s ORDER BY s.number);
    amount constant integer := cardinality(numbers);
    one integer;
    what_failed text;
BEGIN
    IF amount = 0 OR amount & (amount - 1) <> 0 OR numbers <> ARRAY(SELECT n FROM generate_series(0, amount - 1) AS n) THEN
        RETURN QUERY SELECT format('SERVER feature_usage has the shards {%s}: they must be 0, 1, 2, ..., and 1, 2, 4, 8, ... in all', array_to_string(numbers, ','));
        RETURN;
    END IF;
    FOREACH one IN ARRAY numbers LOOP
        BEGIN
            RETURN QUERY
            SELECT CASE WHEN theirs.value IS NULL THEN format('shard %s has no %s', one, ours.what)
                        WHEN ours.value IS NULL THEN format('shard %s has a %s, and the router has none', one, theirs.what)
                        ELSE format('%s is "%s" on shard %s, and "%s" on the router', ours.what, theirs.value, one, ours.value) END
              FROM feature_usage_shard.state() AS ours
              FULL JOIN feature_usage_router.state_of_shards(ARRAY[one]) AS theirs ON theirs.what = ours.what
             WHERE theirs.value IS DISTINCT FROM ours.value ORDER BY coalesce(ours.what, theirs.what);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS what_failed = MESSAGE_TEXT;
            RETURN QUERY SELECT format('shard %s does not answer: %s', one, what_failed);
        END;
        RETURN QUERY SELECT format('the plans do not reach shard %s', one)
                      WHERE NOT EXISTS (SELECT FROM pg_stat_replication AS r WHERE r.application_name = 'feature_usage_plans_' || one);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_router.problems() IS
'Returns in what the shards differ from the router, and which cannot be asked: nothing if all is well.';
REVOKE ALL ON FUNCTION feature_usage_router.problems(), feature_usage_router.state_of_shards(integer[]) FROM PUBLIC;

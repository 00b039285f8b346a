-- Deleting what nobody needs any more.

CREATE FUNCTION @extschema@.prune_feature_usage(
    p_older_than interval DEFAULT '7 days', p_periods_older_than interval DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    keys bigint;
    reservations bigint;
    periods bigint := 0;
BEGIN
    IF p_older_than IS NULL THEN
        RAISE EXCEPTION 'p_older_than must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass an interval such as ''7 days''.';
    ELSIF p_older_than < interval '0' OR p_periods_older_than < interval '0' THEN
        RAISE EXCEPTION 'an age must not be negative'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass an interval such as ''7 days''.';
    END IF;

    IF to_regclass('@extschema@.feature_idempotency_keys') IS NULL
       OR to_regclass('@extschema@.feature_reservations') IS NULL OR to_regclass('@extschema@.feature_usage') IS NULL THEN
        RAISE EXCEPTION 'a table of feature_usage is missing'
            USING ERRCODE = 'undefined_table', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the extension''s owner.';
    END IF;

    DELETE FROM @extschema@.feature_idempotency_keys WHERE created_at < now() - p_older_than;
    GET DIAGNOSTICS keys = ROW_COUNT;
    -- One that is open holds a part of a count, however old it is.
    DELETE FROM @extschema@.feature_reservations WHERE status <> 'reserved' AND updated_at < now() - p_older_than;
    GET DIAGNOSTICS reservations = ROW_COUNT;
    IF p_periods_older_than IS NOT NULL THEN
        -- A month is over when its last day is; keys of days and months sort by time, in "C". A row
        -- that somebody counts in just now is left for the next time: waiting for many rows, in
        -- whatever order, would be a deadlock with a batch.
        DELETE FROM @extschema@.feature_usage WHERE (user_id, period) IN (
            SELECT fu.user_id, fu.period FROM @extschema@.feature_usage AS fu
             WHERE fu.period COLLATE "C" < to_char((now() - p_periods_older_than) AT TIME ZONE 'UTC',
                                                   CASE length(fu.period) WHEN 7 THEN 'YYYY-MM' ELSE 'YYYY-MM-DD' END)
               AND NOT EXISTS (SELECT FROM @extschema@.feature_reservations AS fr
                                WHERE fr.user_id = fu.user_id AND fr.period = fu.period AND fr.status = 'reserved')
               FOR UPDATE SKIP LOCKED);
        GET DIAGNOSTICS periods = ROW_COUNT;
    END IF;
    RETURN jsonb_build_object('idempotency_keys', keys, 'reservations', reservations, 'periods', periods);
END
$function$;

-- Deleting what nobody needs any more.

CREATE FUNCTION @extschema@.prune_feature_usage(
    p_older_than interval DEFAULT '7 days', p_periods_older_than interval DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    age record;
    cutoff timestamptz;
    keys bigint;
    reservations bigint;
    periods bigint := 0;
BEGIN
    IF p_older_than IS NULL THEN
        RAISE EXCEPTION 'p_older_than must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass an interval such as ''7 days''.';
    END IF;
    FOR age IN
        SELECT * FROM (VALUES ('p_older_than', p_older_than), ('p_periods_older_than', p_periods_older_than)) AS ages (name, value)
         WHERE value IS NOT NULL
    LOOP
        IF age.value < interval '0' THEN
            RAISE EXCEPTION '% must not be negative', age.name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass an interval such as ''7 days''.';
        END IF;
        -- Periods have years from 1 to 9999. to_char() would write a year before that without its era.
        BEGIN
            cutoff := now() - age.value;
        EXCEPTION WHEN datetime_field_overflow THEN
            cutoff := '-infinity';
        END;
        IF cutoff < '0001-01-02 00:00:00+00' OR cutoff >= '9999-12-31 00:00:00+00' THEN
            RAISE EXCEPTION '% reaches back beyond the year 1', age.name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass a shorter interval, such as ''7 days''.';
        END IF;
    END LOOP;

    IF to_regclass('@extschema@.feature_idempotency_keys') IS NULL
       OR to_regclass('@extschema@.feature_reservations') IS NULL OR to_regclass('@extschema@.feature_usage') IS NULL THEN
        RAISE EXCEPTION 'a table of feature_usage is missing'
            USING ERRCODE = 'undefined_table', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    END IF;

    -- Everybody locks feature_usage first.
    LOCK TABLE @extschema@.feature_usage IN ROW EXCLUSIVE MODE;
    LOCK TABLE @extschema@.feature_reservations IN ROW EXCLUSIVE MODE;
    LOCK TABLE @extschema@.feature_idempotency_keys IN ROW EXCLUSIVE MODE;

    -- Rows that others have locked are left for the next time: whoever waits for many rows can
    -- deadlock with a batch, or with the deletion of a user.
    DELETE FROM @extschema@.feature_idempotency_keys WHERE (user_id, operation, key) IN (
        SELECT ik.user_id, ik.operation, ik.key FROM @extschema@.feature_idempotency_keys AS ik
         WHERE ik.created_at < now() - p_older_than FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS keys = ROW_COUNT;
    -- An open reservation is part of a count, however old it is.
    DELETE FROM @extschema@.feature_reservations WHERE (reservation_id, user_id) IN (
        SELECT fr.reservation_id, fr.user_id FROM @extschema@.feature_reservations AS fr
         WHERE fr.status <> 'reserved' AND fr.updated_at < now() - p_older_than FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS reservations = ROW_COUNT;
    IF p_periods_older_than IS NOT NULL THEN
        -- A month is over when its last day is; period keys sort by time in "C".
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
COMMENT ON FUNCTION @extschema@.prune_feature_usage(interval, interval) IS
'Deletes old idempotency keys and settled reservations and, if asked, counts of old periods. '
'Idempotency keys and settled reservations go if they are older than p_older_than. Counts go only if p_periods_older_than is given and their period ended longer ago than that; counts with open reservations stay. Returns how many were deleted: {"idempotency_keys", "reservations", "periods"}. Errors: 22004 for a NULL p_older_than, 22023 for an interval that is negative or reaches back beyond the year 1, 42P01 if a table is missing.';

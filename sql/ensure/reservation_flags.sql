-- feature_usage.has_reservations of counts that were restored, or inserted in place of deleted ones.

CREATE FUNCTION feature_usage_internal.lacks_reservation_flags() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    lacks_flags boolean;
BEGIN
    IF 7 > (SELECT count(*) FROM feature_usage_internal.relations() AS r
              JOIN pg_attribute AS a ON a.attrelid = r.relation AND NOT a.attisdropped
             WHERE r.name = 'feature_usage' AND a.attname IN ('user_id', 'period', 'has_reservations')
                OR r.name = 'feature_reservations' AND a.attname IN ('user_id', 'period', 'status', 'reservation_id')) THEN
        RETURN false;
    END IF;
    SELECT EXISTS (SELECT FROM @extschema@.feature_reservations AS fr
                     JOIN @extschema@.feature_usage AS fu ON fu.user_id = fr.user_id AND fu.period = fr.period
                    WHERE fr.status = 'reserved' AND NOT fu.has_reservations) INTO lacks_flags;
    RETURN lacks_flags;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.lacks_reservation_flags() IS
'Returns whether a count has open reservations and does not know it.';

CREATE FUNCTION feature_usage_internal.ensure_reservation_flags() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF feature_usage_internal.lacks_reservation_flags() THEN
        -- Rows are locked in the order in which batches lock them.
        WITH counted AS MATERIALIZED (
            SELECT fu.user_id, fu.period FROM @extschema@.feature_usage AS fu
             WHERE NOT fu.has_reservations
               AND (fu.user_id, fu.period) IN (SELECT fr.user_id, fr.period FROM @extschema@.feature_reservations AS fr
                                                WHERE fr.status = 'reserved')
             ORDER BY fu.user_id, fu.period COLLATE "C"
               FOR NO KEY UPDATE
        )
        UPDATE @extschema@.feature_usage AS fu SET has_reservations = true
          FROM counted WHERE fu.user_id = counted.user_id AND fu.period = counted.period;
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_reservation_flags() IS
'Makes every count with open reservations know it.';

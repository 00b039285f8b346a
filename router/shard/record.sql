-- A part of a batch.

SELECT format($create$
CREATE OR REPLACE FUNCTION feature_usage_shard.record(
    p_events jsonb, OUT counted integer, OUT state text, OUT message text, OUT detail text, OUT hint text
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    counted := %I.record_usage(p_events);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$function$
$create$, s.nspname) FROM pg_extension AS e JOIN pg_namespace AS s ON s.oid = e.extnamespace WHERE e.extname = 'feature_usage' \gexec
REVOKE ALL ON FUNCTION feature_usage_shard.record(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION feature_usage_shard.record(jsonb) TO feature_usage_service;
COMMENT ON FUNCTION feature_usage_shard.record(jsonb) IS
'record_usage(), with its error as a result: the router must know which parts of a batch were counted.';

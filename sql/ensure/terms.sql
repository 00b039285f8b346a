-- What rows may not say, or may not be changed to: refused by triggers, since a CHECK sees one row only.

CREATE FUNCTION feature_usage_internal.refuse_chained_costs() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    other record;
BEGIN
    -- A unit of a currency that cost another currency would have to be drawn through both.
    SELECT ur.feature_type, ur.paid_in INTO other FROM @extschema@.usage_rules AS ur
     WHERE ur.effect = 'cost' AND (ur.feature_type = NEW.paid_in OR ur.paid_in = NEW.feature_type)
       AND (ur.ends_at IS NULL OR ur.ends_at > now()) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% can''t cost %: % costs %', NEW.feature_type, NEW.paid_in, other.feature_type, other.paid_in
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A currency has no cost itself. End the other rule first, or have both paid in one currency.';
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.refuse_chained_costs() IS
'Trigger function of usage_rules: refuses a cost that is paid in a feature with a cost.';

CREATE FUNCTION feature_usage_internal.keep_terms() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    RAISE EXCEPTION 'the terms of grant % can''t be changed', OLD.grant_id
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = 'Void it with void_grant(), and grant the difference with grant_usage().';
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.keep_terms() IS
'Trigger function of usage_grants: refuses to change anything but what is used, whether it is voided, and the notes of operators.';

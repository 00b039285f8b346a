-- Who may execute what. Supabase's default privileges hand every new function to its API roles, so
-- revoking from PUBLIC is not enough: everything is revoked from everyone, then granted again.

CREATE FUNCTION @extschema@.feature_usage_setup_function_rights() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    readers constant text[] := ARRAY['check_feature_limit', 'get_user_limits'];
    writers constant text[] := ARRAY['increment_voice_seconds', 'increment_insights_count',
        'increment_therai_calls', 'increment_chat_messages', 'increment_images_generated',
        'increment_feature_usage', 'consume_feature', 'reserve_feature', 'commit_reservation',
        'release_reservation', 'expire_reservations', 'record_usage', 'prune_feature_usage'];
    extension record;
    routine record;
    grantee text;
BEGIN
    SELECT oid, extowner INTO extension FROM pg_extension WHERE extname = 'feature_usage';

    -- Ours are the members of the extension and the increments of custom features.
    FOR routine IN
        SELECT p.oid, p.oid::regprocedure AS signature, p.proowner, p.proacl,
               CASE WHEN p.proname = ANY (readers) THEN ARRAY['service_role', 'authenticated']
                    WHEN p.proname = ANY (writers) OR d.objid IS NULL THEN ARRAY['service_role']
                    ELSE ARRAY[]::text[] END AS audience
          FROM pg_proc AS p
          LEFT JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                                  AND d.refclassid = 'pg_extension'::regclass
                                  AND d.refobjid = extension.oid AND d.deptype = 'e'
         WHERE d.objid IS NOT NULL
            OR p.oid IN (SELECT to_regprocedure('@extschema@.' || format('%I(uuid, integer, text)', 'increment_' || usage_column))
                           FROM @extschema@.usage_features WHERE NOT is_builtin)
    LOOP
        -- Only the owner of a function can revoke what its owner has granted.
        IF pg_has_role(routine.proowner, 'USAGE') THEN
            FOR grantee IN
                SELECT DISTINCT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END
                  FROM aclexplode(coalesce(routine.proacl, acldefault('f', routine.proowner))) AS acl
                 WHERE acl.grantee NOT IN (routine.proowner, extension.extowner)
            LOOP
                EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', routine.signature, grantee);
            END LOOP;
            IF extension.extowner <> routine.proowner THEN
                EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I WITH GRANT OPTION',
                               routine.signature, pg_get_userbyid(extension.extowner));
            END IF;
        END IF;
        FOR grantee IN
            SELECT rolname FROM pg_roles
             WHERE rolname = ANY (routine.audience)
               AND NOT has_function_privilege(oid, routine.oid, 'EXECUTE')
        LOOP
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', routine.signature, grantee);
        END LOOP;
    END LOOP;
END
$function$;

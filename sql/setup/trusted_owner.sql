-- Whether a setup may touch what this role owns. A superuser may touch anything, but must not: an
-- index or a trigger of somebody's table would run that somebody's code with a superuser's rights.

CREATE FUNCTION @extschema@.feature_usage_setup_trusts(p_owner oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT coalesce(bool_or(r.rolsuper
               OR r.rolname = 'supabase_auth_admin'
               OR r.oid = (SELECT datdba FROM pg_database WHERE datname = current_database())
               OR r.oid = (SELECT nspowner FROM pg_namespace WHERE oid = '@extschema@'::regnamespace)
               OR r.oid = (SELECT extowner FROM pg_extension WHERE extname = 'feature_usage')
               OR NOT me.rolsuper AND pg_has_role(me.oid, r.oid, 'USAGE')), false)
      FROM pg_roles AS r, pg_roles AS me
     WHERE r.oid = p_owner AND me.rolname = current_user
$function$;

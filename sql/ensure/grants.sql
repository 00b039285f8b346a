-- Privileges. Supabase's default privileges hand every new table and function to the roles of its
-- API, so REVOKE ... FROM PUBLIC is not enough: whatever differs from the data is revoked, then granted.

CREATE FUNCTION feature_usage_internal.ensure_grants() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    role record;
    hides_rows boolean;
    wanted text[];
    wanted_columns text[];
BEGIN
    FOR role IN
        SELECT r.relation, r.is_table, c.relacl, c.relowner, c.reloptions,
               g.grantee, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(g.name) END AS name,
               w.privileges, w.select_columns
          FROM feature_usage_internal.relations() AS r
          JOIN pg_class AS c ON c.oid = r.relation
         CROSS JOIN (SELECT 0::oid AS grantee, 'public'::text AS name
                      UNION ALL
                     SELECT oid, rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role')) AS g
          LEFT JOIN feature_usage_internal.grants AS w ON w.table_name = r.name AND w.role_name = g.name
         WHERE g.grantee <> c.relowner
         ORDER BY r.lock_order, g.grantee = 0 DESC, g.name
    LOOP
        wanted := coalesce(role.privileges, '{}');
        wanted_columns := coalesce(role.select_columns, '{}');
        -- A view that runs as its owner would show every row to whoever may select from it.
        IF wanted <> '{}' AND role.name <> 'service_role' AND NOT role.is_table THEN
            SELECT NOT coalesce(bool_or(option_value::boolean), false) INTO hides_rows
              FROM pg_options_to_table(role.reloptions) WHERE option_name = 'security_invoker';
            IF hides_rows THEN
                wanted := '{}';
                RAISE WARNING 'view % is not granted to %: it would show every row', role.relation, role.name
                    USING HINT = format('ALTER VIEW %s SET (security_invoker = on), then run feature_usage_setup() again.', role.relation);
            END IF;
        END IF;

        IF EXISTS (SELECT FROM aclexplode(coalesce(role.relacl, acldefault('r', role.relowner))) AS a
                    WHERE a.grantee = role.grantee AND (a.is_grantable OR a.privilege_type <> ALL (wanted)))
           OR EXISTS (SELECT FROM pg_attribute AS c, aclexplode(c.attacl) AS a
                       WHERE c.attrelid = role.relation AND a.grantee = role.grantee
                         AND (a.is_grantable OR a.privilege_type <> 'SELECT' OR c.attname <> ALL (wanted_columns))) THEN
            EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', role.relation, role.name);
        END IF;
        IF EXISTS (SELECT FROM unnest(wanted) AS privilege
                    WHERE NOT EXISTS (SELECT FROM pg_class AS c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a
                                       WHERE c.oid = role.relation AND a.grantee = role.grantee AND a.privilege_type = privilege)) THEN
            EXECUTE format('GRANT %s ON %s TO %s', array_to_string(wanted, ', '), role.relation, role.name);
        END IF;
        IF EXISTS (SELECT FROM unnest(wanted_columns) AS w (name)
                    WHERE NOT EXISTS (SELECT FROM pg_attribute AS c, aclexplode(c.attacl) AS a
                                       WHERE c.attrelid = role.relation AND c.attname = w.name
                                         AND a.grantee = role.grantee AND a.privilege_type = 'SELECT')) THEN
            EXECUTE format('GRANT SELECT (%s) ON %s TO %s',
                           (SELECT string_agg(quote_ident(name), ', ') FROM unnest(wanted_columns) AS name), role.relation, role.name);
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_grants() IS
'Gives the roles of the API exactly the privileges on the tables that they should have.';

CREATE FUNCTION feature_usage_internal.revoke_sequences() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    granted record;
BEGIN
    -- Whoever inserts a row needs no right on the sequence of an identity column; Supabase's default
    -- privileges let the roles of its API set it.
    FOR granted IN
        SELECT DISTINCT s.oid::regclass AS sequence, CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END AS grantee
          FROM feature_usage_internal.relations() AS r
          JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.relation AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
          JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S' AND pg_has_role(s.relowner, 'USAGE')
         CROSS JOIN LATERAL aclexplode(s.relacl) AS acl
         WHERE r.is_table AND acl.grantee <> s.relowner
           AND (acl.grantee = 0 OR pg_get_userbyid(acl.grantee) IN ('anon', 'authenticated', 'service_role'))
    LOOP
        EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %s', granted.sequence, granted.grantee);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.revoke_sequences() IS
'Revokes what PUBLIC and the roles of the API have on the sequences of identity columns.';

CREATE FUNCTION feature_usage_internal.ensure_function_grants(p_function regprocedure, p_roles text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    extension_owner constant oid := (SELECT extowner FROM pg_extension WHERE extname = 'feature_usage');
    existing record;
    grantee text;
BEGIN
    SELECT proowner, proacl INTO existing FROM pg_proc WHERE oid = p_function;
    -- Only the owner of a function can revoke what its owner has granted.
    IF pg_has_role(existing.proowner, 'USAGE') THEN
        FOR grantee IN
            SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END
              FROM aclexplode(coalesce(existing.proacl, acldefault('f', existing.proowner))) AS acl
             WHERE acl.grantee NOT IN (existing.proowner, extension_owner)
               AND NOT (acl.grantee <> 0 AND pg_get_userbyid(acl.grantee) = ANY (p_roles) AND NOT acl.is_grantable)
        LOOP
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s CASCADE', p_function, grantee);
        END LOOP;
        IF NOT has_function_privilege(extension_owner, p_function, 'EXECUTE WITH GRANT OPTION') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I WITH GRANT OPTION', p_function, pg_get_userbyid(extension_owner));
        END IF;
    END IF;
    FOR grantee IN
        SELECT rolname FROM pg_roles
         WHERE rolname = ANY (p_roles) AND NOT has_function_privilege(oid, p_function, 'EXECUTE')
         ORDER BY rolname
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', p_function, grantee);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_function_grants(regprocedure, text[]) IS
'Lets these roles and the owner of the extension execute a function, and nobody else.';

CREATE FUNCTION feature_usage_internal.ensure_member_grants() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    extension record;
    member record;
    grantee text;
BEGIN
    SELECT oid, extowner INTO extension FROM pg_extension WHERE extname = 'feature_usage';
    PERFORM feature_usage_internal.ensure_function_grants(p.oid,
                ARRAY(SELECT g.role_name FROM feature_usage_internal.function_grants AS g
                       WHERE g.function_name = p.proname AND p.pronamespace = '@extschema@'::regnamespace))
       FROM pg_proc AS p
       JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                          AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension.oid AND d.deptype = 'e';

    -- The private schema and its tables: the owner of the extension reads them, nobody else does.
    FOR member IN
        SELECT 'SCHEMA ' || n.oid::regnamespace AS object, 'USAGE' AS privilege, n.nspowner AS owner,
               coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl
          FROM pg_namespace AS n WHERE n.nspname = 'feature_usage_internal'
         UNION ALL
        SELECT 'TABLE ' || c.oid::regclass, 'SELECT', c.relowner, coalesce(c.relacl, acldefault('r', c.relowner))
          FROM pg_class AS c WHERE c.relnamespace = 'feature_usage_internal'::regnamespace AND c.relkind = 'r'
    LOOP
        CONTINUE WHEN NOT pg_has_role(member.owner, 'USAGE');
        FOR grantee IN
            SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END
              FROM aclexplode(member.acl) AS acl
             WHERE acl.grantee <> member.owner
               AND NOT (acl.grantee = extension.extowner AND acl.privilege_type = member.privilege)
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %s', member.object, grantee);
        END LOOP;
        IF NOT EXISTS (SELECT FROM aclexplode(member.acl) AS acl
                        WHERE acl.grantee = extension.extowner AND acl.privilege_type = member.privilege) THEN
            EXECUTE format('GRANT %s ON %s TO %I', member.privilege, member.object, pg_get_userbyid(extension.extowner));
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_member_grants() IS
'Gives the members of the extension exactly the privileges that they should have.';

CREATE FUNCTION feature_usage_internal.ensure_schema_usage() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    ext_schema constant regnamespace := '@extschema@'::regnamespace;
    api_role record;
BEGIN
    FOR api_role IN
        SELECT rolname FROM pg_roles
         WHERE rolname IN ('anon', 'authenticated', 'service_role')
           AND NOT has_schema_privilege(oid, ext_schema, 'USAGE')
         ORDER BY rolname
    LOOP
        IF has_schema_privilege(ext_schema, 'USAGE WITH GRANT OPTION') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', ext_schema, api_role.rolname);
        ELSE
            RAISE WARNING 'role % can''t use schema %', api_role.rolname, ext_schema
                USING HINT = format('Ask the owner of the schema to GRANT USAGE ON SCHEMA %s TO %I.', ext_schema, api_role.rolname);
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_schema_usage() IS
'Lets the roles of the API use the schema of the extension.';

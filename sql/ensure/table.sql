-- One table: created as a whole if it is missing, refused if it can't be used.

CREATE FUNCTION feature_usage_internal.refuse_unusable_tables() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    unusable record;
BEGIN
    SELECT r.relation, pg_get_userbyid(c.relowner) AS owner INTO unusable
      FROM (SELECT relation, lock_order FROM feature_usage_internal.relations()
             UNION ALL
            SELECT relation, lock_order FROM feature_usage_internal.partitions()) AS r JOIN pg_class AS c ON c.oid = r.relation
     WHERE NOT feature_usage_internal.is_trusted(c.relowner)
     ORDER BY r.lock_order, r.relation::text COLLATE "C" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% belongs to %', unusable.relation, quote_ident(unusable.owner)
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('Do this as %1$I, or run ALTER TABLE %2$s OWNER TO %3$I; if you trust its triggers.', unusable.owner, unusable.relation, current_user);
    END IF;

    SELECT r.relation INTO unusable FROM feature_usage_internal.relations() AS r
     WHERE NOT r.is_table AND NOT r.may_be_view ORDER BY r.lock_order LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is not a table', unusable.relation
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'Only user_plans, plan_limits, usage_pools and usage_pool_members may be views. Rename what has this name, then retry.';
    END IF;

    -- A rule would turn the statements of the extension into others.
    SELECT r.relation, w.rulename INTO unusable
      FROM feature_usage_internal.relations() AS r JOIN pg_rewrite AS w ON w.ev_class = r.relation
     WHERE r.is_table ORDER BY r.lock_order, w.rulename LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% has a rule, %', unusable.relation, quote_ident(unusable.rulename)
            USING ERRCODE = 'feature_not_supported',
                  HINT = format('Run DROP RULE %I ON %s; a trigger may do what the rule does.', unusable.rulename, unusable.relation);
    END IF;

    IF to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL THEN
        EXECUTE 'SELECT r.relation FROM feature_usage_internal.relations() AS r
                   JOIN pg_catalog.pg_dist_partition AS d ON d.logicalrelid = r.relation
                  ORDER BY r.lock_order LIMIT 1' INTO unusable;
        IF unusable.relation IS NOT NULL THEN
            RAISE EXCEPTION '% is distributed by Citus, which feature_usage does not support', unusable.relation
                USING ERRCODE = 'feature_not_supported',
                      HINT = 'Run SELECT undistribute_table(''' || unusable.relation || '''); or install the extension on every worker, with local tables.';
        END IF;
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.refuse_unusable_tables() IS
'Raises an error if a table belongs to an untrusted role, is a view, has a rule or is distributed.';

CREATE FUNCTION feature_usage_internal.create_table(p_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    qualified constant text := '@extschema@.' || quote_ident(p_name);
    wanted feature_usage_internal.tables;
    index record;
BEGIN
    -- User-defined features get their columns afterwards: the registry is not read here, since a
    -- superuser runs this during CREATE EXTENSION.
    SELECT * INTO wanted FROM feature_usage_internal.tables AS t WHERE t.name = p_name;
    EXECUTE format('CREATE TABLE %s (%s, PRIMARY KEY (%s)%s)%s', qualified,
        (SELECT string_agg(format('%I %s%s', c.name, c.definition, ' DEFAULT ' || quote_literal(c.default_value)), ', ' ORDER BY c.number)
           FROM feature_usage_internal.wanted_columns(true) AS c WHERE c.table_name = p_name),
        (SELECT string_agg(quote_ident(k.name), ', ' ORDER BY k.number)
           FROM unnest(wanted.key) WITH ORDINALITY AS k (name, number)),
        (SELECT string_agg(format(', CONSTRAINT %I CHECK (%s)', c.name, c.condition), '' ORDER BY c.name)
           FROM feature_usage_internal.checks AS c WHERE c.table_name = p_name),
        ' WITH (fillfactor = ' || wanted.fill_factor || ')');
    FOR index IN SELECT i.name, i.definition, i.is_unique FROM feature_usage_internal.indexes AS i WHERE i.table_name = p_name LOOP
        EXECUTE format('CREATE %s %I ON %s %s', CASE WHEN index.is_unique THEN 'UNIQUE INDEX' ELSE 'INDEX' END,
                       index.name, qualified, index.definition);
    END LOOP;
    PERFORM feature_usage_internal.ensure_rows(p_name, true);
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.create_table(text) IS
'Creates a table with its columns, key, CHECK constraints and indexes, and inserts the rows that a new one has.';

CREATE FUNCTION feature_usage_internal.ensure_rows(p_name text, p_is_new boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT r.content, (SELECT string_agg(quote_ident(k), ', ') FROM jsonb_object_keys(r.content) AS k) AS columns
          FROM feature_usage_internal.rows AS r
         WHERE r.table_name = p_name AND (p_is_new OR NOT r.is_for_new_table)
    LOOP
        EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1) ON CONFLICT DO NOTHING',
                       '@extschema@.' || quote_ident(p_name), wanted.columns)
          USING wanted.content;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_rows(text, boolean) IS
'Inserts the rows that a table should have, unless they are there.';

CREATE FUNCTION feature_usage_internal.ensure_table_comments() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT r.relation, r.description FROM feature_usage_internal.relations() AS r
         WHERE r.is_table AND obj_description(r.relation, 'pg_class') IS NULL ORDER BY r.lock_order
    LOOP
        EXECUTE format('COMMENT ON TABLE %s IS %L', wanted.relation, wanted.description);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_table_comments() IS
'Describes the tables that have no comment.';

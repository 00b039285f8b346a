-- Writing who has which plan, for webhooks of payment providers.

CREATE FUNCTION @extschema@.set_user_plan(
    p_user_id uuid, p_plan_id text, p_is_active boolean DEFAULT true,
    p_status text DEFAULT 'active', p_trial_end_date timestamptz DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    plans constant regclass := to_regclass('@extschema@.user_plans');
    -- NULL is the plan free.
    plan constant text := coalesce(p_plan_id, 'free');
    known text[];
    types jsonb;
    stored jsonb;
BEGIN
    IF p_user_id IS NULL THEN
        RAISE EXCEPTION 'p_user_id must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass the id of the user.';
    ELSIF plans IS NULL OR to_regclass('@extschema@.plan_limits') IS NULL THEN
        RAISE EXCEPTION 'a table of feature_usage is missing'
            USING ERRCODE = 'undefined_table', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    ELSIF (SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = plans) THEN
        RAISE EXCEPTION '% is not a table', plans
            USING ERRCODE = 'feature_not_supported', HINT = 'Write to the table that the view user_plans reads.';
    END IF;

    -- Everybody locks feature_usage first, then user_plans, then plan_limits.
    IF to_regclass('@extschema@.feature_usage') IS NOT NULL THEN
        LOCK TABLE @extschema@.feature_usage IN ACCESS SHARE MODE;
    END IF;
    LOCK TABLE @extschema@.user_plans IN ROW EXCLUSIVE MODE;
    SELECT array_agg(pl.plan_id::text ORDER BY pl.plan_id::text COLLATE "C") INTO known FROM @extschema@.plan_limits AS pl;
    IF (plan = ANY (known)) IS NOT TRUE THEN
        RAISE EXCEPTION 'unknown plan "%"', left(plan, 64)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = coalesce('The plans are: ' || array_to_string(known, ', ') || '. ', '') || 'Insert others into plan_limits first.';
    END IF;

    -- The columns of an existing table may be of other types. A cast without a length does not cut
    -- a text off; a time without a zone is in UTC.
    SELECT jsonb_object_agg(a.attname, format_type(a.atttypid, -1)) INTO types
      FROM pg_attribute AS a
     WHERE a.attrelid = plans AND a.attname IN ('plan_id', 'status', 'trial_end_date') AND NOT a.attisdropped;
    IF NOT coalesce(types, '{}') ?& '{plan_id,status,trial_end_date}' THEN
        RAISE EXCEPTION 'a column of % is missing', plans
            USING ERRCODE = 'undefined_column', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    END IF;
    EXECUTE format(
        $$INSERT INTO %s AS up (user_id, plan_id, is_active, status, trial_end_date)
          VALUES ($1, $2::%s, $3, $4::%s, ($5 %s)::%s)
              ON CONFLICT (user_id) DO UPDATE
             SET plan_id = excluded.plan_id, is_active = excluded.is_active, status = excluded.status,
                 trial_end_date = excluded.trial_end_date
       RETURNING jsonb_build_object(
                 'user_id', up.user_id, 'plan_id', up.plan_id, 'is_active', up.is_active, 'status', up.status,
                 'trial_end_date', CASE WHEN isfinite(up.trial_end_date)
                                        THEN to_char(up.trial_end_date %s, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                                        ELSE up.trial_end_date::text END)$$,
        plans, types ->> 'plan_id', types ->> 'status',
        CASE WHEN types ->> 'trial_end_date' <> 'timestamp with time zone' THEN 'AT TIME ZONE ''UTC''' END, types ->> 'trial_end_date',
        CASE WHEN types ->> 'trial_end_date' = 'timestamp with time zone' THEN 'AT TIME ZONE ''UTC''' END)
       INTO stored USING p_user_id, plan, p_is_active, p_status, p_trial_end_date;
    RETURN stored;
END
$function$;
COMMENT ON FUNCTION @extschema@.set_user_plan(uuid, text, boolean, text, timestamptz) IS
'Sets the plan of a user, in one atomic step; inserts the row of user_plans if there is none. '
'A NULL p_plan_id is the plan free. p_is_active and p_status describe the subscription; only active and trialing allow anything on a paid plan. p_trial_end_date is when the trial of a user on the plan free ends, NULL means never. Returns what is stored: {"user_id", "plan_id", "is_active", "status", "trial_end_date"}. Errors: 22004 for a NULL user, 22023 for a plan that is not in plan_limits (the hint lists those that are), 0A000 if user_plans is a view, 42P01 if a table is missing.';

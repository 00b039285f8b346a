-- What operators do for one user or team, and its history. The edge function operator calls these, for service_role only;
-- what is missing here (voiding a grant, an override, a correction) it does with the extension's own functions
-- and tables.

-- Grants units to a user or to a pool, as grant_usage does, and notes who did, in one transaction.
create or replace function public.operator_grant(
    p_feature_type text, p_amount bigint, p_source_ref text, p_reason text, p_actor text,
    p_expires_at timestamptz default null, p_user_id uuid default null, p_pool_id uuid default null)
returns jsonb
language plpgsql set search_path = '' as $$
declare
    answer constant jsonb := public.grant_usage(p_user_id => p_user_id, p_feature_type => p_feature_type, p_amount => p_amount,
        p_source_ref => p_source_ref, p_expires_at => p_expires_at, p_reason => p_reason, p_pool_id => p_pool_id);
begin
    if (answer -> 'granted')::boolean then
        update public.usage_grants as ug set actor = p_actor
         where ug.source_ref = p_source_ref and ug.feature_type = p_feature_type and ug.actor is null;
    end if;
    return answer;
end
$$;

-- Ends a rule of a user, or of a team or its members, now or before it begins; its row stays as the history. Once: a
-- repetition returns when it has ended. NULL if the user or the team has no such rule.
create or replace function public.operator_end_rule(
    p_rule_id uuid, p_reason text, p_user_id uuid default null, p_pool_id uuid default null)
returns jsonb
language plpgsql set search_path = '' as $$
declare
    rule public.usage_rules;
begin
    -- A rule for a member is the team's, not the user's.
    select * into rule from public.usage_rules as ur
     where ur.rule_id = p_rule_id and case when ur.pool_id is null then ur.user_id = p_user_id else ur.pool_id = p_pool_id end
       for update;
    if not found then
        return null;
    end if;
    if rule.ends_at <= greatest(clock_timestamp(), rule.starts_at) then
        return jsonb_build_object('rule_id', rule.rule_id, 'ends_at', rule.ends_at, 'replayed', true);
    end if;
    update public.usage_rules as ur
       set ends_at = greatest(clock_timestamp(), ur.starts_at), reason = concat_ws('; ', ur.reason, 'ended: ' || p_reason)
     where ur.rule_id = p_rule_id
    returning * into rule;
    return jsonb_build_object('rule_id', rule.rule_id, 'ends_at', rule.ends_at, 'replayed', false);
end
$$;

-- The newest rules and grants of a user or a team, and the newest entries of the ledger, which has only features that
-- a rule "log" names. What a user has and does in a team is the team's; "member" says whose it is. It is SECURITY
-- DEFINER, as the reports are, because it shows emails. A plan for these very ids finds them by index.
create or replace function public.operator_history(p_user_id uuid default null, p_pool_id uuid default null)
returns jsonb
language plpgsql stable security definer set search_path = '' set timezone = 'UTC' set plan_cache_mode = force_custom_plan as $$
begin
    return jsonb_build_object(
        'rules', (select coalesce(jsonb_agg(to_jsonb(r) order by r.created_at desc, r.rule_id), '[]')
                    from (select ur.rule_id, ur.applies_to, case when ur.pool_id is not null then coalesce(m.email, ur.user_id::text) end as member,
                                 ur.feature_type, ur.effect, ur.amount, ur.per, extract(epoch from ur.every)::bigint as every,
                                 nullif(ur.starts_at, '-infinity') as starts_at, nullif(ur.ends_at, 'infinity') as ends_at, ur.reason, coalesce(u.email, ur.actor) as actor, ur.created_at,
                                 (ur.ends_at is null or ur.ends_at > greatest(now(), ur.starts_at)) as can_be_ended
                            from public.usage_rules as ur left join auth.users as m on m.id = ur.user_id left join auth.users as u
                                   on u.id = case when ur.actor ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then ur.actor::uuid end
                           where ur.pool_id = p_pool_id or p_pool_id is null and ur.pool_id is null and ur.user_id = p_user_id
                           order by ur.created_at desc, ur.rule_id limit 25) as r),
        'grants', (select coalesce(jsonb_agg(to_jsonb(g) order by g.created_at desc, g.grant_id), '[]')
                     from (select ug.grant_id, ug.feature_type, ug.amount, ug.used, ug.source_ref, ug.effective_at, ug.expires_at,
                                  ug.voided_at, ug.reason, coalesce(u.email, ug.actor) as actor, ug.created_at,
                                  (ug.voided_at is null and (ug.expires_at > now()) is not false) as can_be_voided
                             from public.usage_grants as ug left join auth.users as u
                                    on u.id = case when ug.actor ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then ug.actor::uuid end
                            where ug.pool_id = p_pool_id or p_pool_id is null and ug.pool_id is null and ug.user_id = p_user_id
                            order by ug.created_at desc, ug.grant_id limit 25) as g),
        'entries', (select coalesce(jsonb_agg(to_jsonb(e) order by e.entry_id desc), '[]')
                      from (select ul.entry_id, ul.at, case when ul.pool_id is not null then coalesce(m.email, ul.user_id::text) end as member,
                                   ul.feature_type, ul.period, ul.kind, ul.amount, ul.overage, ul.metadata ->> 'reason' as reason
                              from public.usage_ledger as ul left join auth.users as m on m.id = ul.user_id
                             where ul.pool_id = p_pool_id or p_pool_id is null and ul.pool_id is null and ul.user_id = p_user_id
                             order by ul.at desc, ul.entry_id desc limit 25) as e));
end
$$;

-- Supabase's default privileges would grant these to every role of the API.
do $$
declare
    operation regprocedure;
begin
    foreach operation in array array[
        'public.operator_grant(text, bigint, text, text, text, timestamptz, uuid, uuid)',
        'public.operator_end_rule(uuid, text, uuid, uuid)', 'public.operator_history(uuid, uuid)']::regprocedure[]
    loop
        execute format('revoke all on function %s from public, anon, authenticated', operation);
        execute format('grant execute on function %s to service_role', operation);
    end loop;
end
$$;

notify pgrst, 'reload schema';

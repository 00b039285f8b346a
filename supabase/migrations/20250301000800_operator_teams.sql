-- For operators: the team with this id, or the teams of the user with this id or exact email, with the part of each
-- member, of those who have left as well. It is SECURITY DEFINER, as the other reports are, because it shows emails.
create or replace function public.operator_teams(p_search text)
returns jsonb
language plpgsql security definer set search_path = '' set timezone = 'UTC' as $$
declare
    nobody constant uuid := '00000000-0000-0000-0000-000000000000'::uuid;
    wanted_id constant uuid := case when p_search ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_search::uuid end;
begin
    perform public.expire_reservations();

    return (
        with teams as (
            select p.pool_id, p.plan_id, p.seats, p.status, public.usage_status(null, p_pool_id => p.pool_id) -> 'features' as features
              from public.usage_pools as p
             where p.pool_id = wanted_id
                or p.pool_id in (select m.pool_id from public.usage_pool_members as m join auth.users as u on u.id = m.user_id
                                  where u.id = wanted_id or u.email = lower(p_search) and not u.is_sso_user)
             order by p.pool_id limit 25
        ), parts as (
            -- The windows of caps have counts of their own, of other periods.
            select uc.pool_id, uc.user_id, jsonb_object_agg(uc.feature_type, uc.used) as used
              from teams as t join public.usage_counters as uc on uc.pool_id = t.pool_id
             where uc.period = t.features -> uc.feature_type ->> 'period' and uc.user_id <> nobody
             group by uc.pool_id, uc.user_id
        ), members as (
            select pool_id, user_id, current.user_id is not null as is_member, coalesce(parts.used, '{}') as used
              from (select m.pool_id, m.user_id from public.usage_pool_members as m join teams using (pool_id)) as current
              full join parts using (pool_id, user_id)
        )
        select jsonb_build_object('teams', coalesce(jsonb_agg(to_jsonb(t) || jsonb_build_object(
                   'members', (select coalesce(jsonb_agg(jsonb_build_object(
                                          'user_id', m.user_id, 'email', u.email, 'is_member', m.is_member, 'used', m.used)
                                          order by m.is_member desc, u.email, m.user_id), '[]')
                                 from members as m left join auth.users as u on u.id = m.user_id
                                where m.pool_id = t.pool_id))
                   order by t.pool_id), '[]'))
          from teams as t);
end
$$;

-- Supabase's default privileges would grant it to every role of the API.
revoke all on function public.operator_teams(text) from public, anon, authenticated;
grant execute on function public.operator_teams(text) to service_role;

notify pgrst, 'reload schema';

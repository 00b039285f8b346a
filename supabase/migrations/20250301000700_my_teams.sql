-- What a page shows of the teams of the signed-in user, in one round trip:
-- [{"pool_id", "plan_id", "plan_name", "seats", "status": {feature: what usage_status says of it, with the
--   user's own part as member_usage, …}}, …].
-- It runs with the caller's rights, so that no other member's part can be in it.
create or replace function public.my_teams() returns jsonb
language sql stable set search_path = '' as $$
    select coalesce(jsonb_agg(jsonb_build_object(
               'pool_id', p.pool_id, 'plan_id', p.plan_id, 'plan_name', pl.plan_name, 'seats', p.seats,
               'status', public.usage_status(m.user_id, p_pool_id => p.pool_id) -> 'features') order by p.pool_id), '[]')
      from public.usage_pool_members as m
      join public.usage_pools as p on p.pool_id = m.pool_id
      left join public.plan_limits as pl on pl.plan_id::text = p.plan_id::text
     where m.user_id = auth.uid()
$$;

-- Supabase's default privileges would grant it to every role of the API.
revoke all on function public.my_teams() from public, anon, service_role;
grant execute on function public.my_teams() to authenticated;

notify pgrst, 'reload schema';

-- What a page shows of the signed-in user, in one round trip instead of one per feature:
-- {"plan": the limits of get_user_limits, null if the plan is unknown,
--  "features": [the answer of check_feature_limit for each feature, …],
--  "status": {feature: what usage_status says of it, with its price, grants and caps, …}}.
-- It runs with the caller's rights.
create or replace function public.my_limits() returns jsonb
language sql stable set search_path = '' as $$
    select jsonb_build_object(
        'plan', public.get_user_limits(auth.uid()) -> 'limits',
        'features', coalesce(jsonb_agg(public.check_feature_limit(auth.uid(), f.feature_type, 0) order by f.feature_type), '[]'),
        'status', public.usage_status(auth.uid()) -> 'features')
      from public.usage_features as f
$$;

-- Supabase's default privileges would grant it to every role of the API.
revoke all on function public.my_limits() from public, anon, service_role;
grant execute on function public.my_limits() to authenticated;

notify pgrst, 'reload schema';

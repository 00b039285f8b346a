-- The operator's reports, one function each. The edge function operator calls them, so they are for
-- service_role only; a page is answered 25 rows at a time, and "more" says whether there is another.
--
-- They are SECURITY DEFINER, owned by postgres, because they show emails: on Supabase, service_role cannot
-- read auth.users. The registry says which features there are and which columns count and limit them.
-- Each report expires reservations first, so that it shows what check_feature_limit shows. The reports about
-- several users know the limits of plans and the days and months of UTC only: no rules, no time zones, no
-- other kinds of periods. The report about one user asks check_feature_limit, which knows all of them.

-- Finds a period's rows. No counter is in it: an index on a counter would make each count write to it. The
-- user is, so that it is no worse than the primary key for a query that names both. On a large table in use,
-- create it concurrently beforehand.
create index if not exists feature_usage_by_period on public.feature_usage (period, user_id);

-- The users at or over a share of a limit in the current period, fullest first. A feature with the limit 0 is
-- over it once it is used. Unlimited features are left out, and so are users whom every check denies: those
-- with an unknown or inactive plan, without an active subscription, or whose trial has ended.
create or replace function public.operator_near_limit(p_share numeric default 0.8, p_page integer default 0)
returns jsonb
language plpgsql security definer set search_path = '' set timezone = 'UTC' set jit = off as $$
declare
    parts record;
    answer jsonb;
begin
    perform public.expire_reservations();

    -- Parts of the statement. "share" is used / limit, NULL if that is not near; "possible" is whether a count
    -- is near the limit of any plan, which saves looking up the plans of most users.
    select string_agg(part.possible, ' or ') filter (where f.period = 'day') as day_possible,
           string_agg(part.possible, ' or ') filter (where f.period = 'month') as month_possible,
           string_agg(part.share, ', ') filter (where f.period = 'day') as day_shares,
           string_agg(part.share, ', ') filter (where f.period = 'month') as month_shares,
           string_agg(format('(%L, %L, fu.%I::bigint, pl.%I::bigint, %s)', f.feature_type, f.period, f.usage_column, f.limit_column, part.share), ', ') as features
      into parts
      from public.usage_features as f
      cross join lateral (select
           format('fu.%I >= (select greatest(1, ceil($3 * min(pl.%I)))::bigint from public.plan_limits as pl where pl.is_active)',
                  f.usage_column, f.limit_column) as possible,
           format('case when fu.%1$I > 0 and fu.%1$I >= $3 * pl.%2$I then coalesce(fu.%1$I::float8 / nullif(pl.%2$I, 0), ''infinity'') end',
                  f.usage_column, f.limit_column) as share) as part;

    -- The fullest rows have the fullest features, so only theirs are compared one by one.
    execute format(
        $query$
        with fullest as materialized (
            select shares.*
              from (select fu.user_id, fu.period, pl.plan_id,
                           case fu.period when $1 then greatest(null::float8, %s) else greatest(null::float8, %s) end as share
                      from public.feature_usage as fu
                      left join public.user_plans as up on up.user_id = fu.user_id
                      join public.plan_limits as pl on pl.plan_id = coalesce(up.plan_id::text, 'free') and pl.is_active
                     where fu.period in ($1, $2) and case fu.period when $1 then %s else %s end
                       and case when coalesce(up.plan_id::text, 'free') = 'free' then (up.trial_end_date < now()) is not true
                                else up.is_active and up.status::text in ('active', 'trialing') end) as shares
             where shares.share is not null
             order by shares.share desc, shares.user_id, shares.period
             limit ($4 + 1) * 25 + 1
        ), page as (
            select f.user_id, f.plan_id, feature.feature_type, f.period, feature.used, feature."limit",
                   row_number() over (order by feature.share desc, f.user_id, f.period, feature.feature_type) as place
              from fullest as f
              join public.feature_usage as fu on fu.user_id = f.user_id and fu.period = f.period
              join public.plan_limits as pl on pl.plan_id = f.plan_id
              cross join lateral (values %s) as feature (feature_type, kind, used, "limit", share)
             where feature.share is not null and feature.kind = case f.period when $1 then 'day' else 'month' end
             order by place limit 26 offset $4 * 25
        )
        select jsonb_build_object(
                   'rows', coalesce(jsonb_agg(jsonb_build_object(
                       'user_id', p.user_id, 'email', u.email, 'plan_id', p.plan_id, 'feature_type', p.feature_type,
                       'period', p.period, 'used', p.used, 'limit', p."limit") order by p.place)
                       filter (where p.place <= ($4 + 1) * 25), '[]'),
                   'more', count(*) > 25,
                   'generated_at', now())
          from page as p left join auth.users as u on u.id = p.user_id
        $query$, parts.day_shares, parts.month_shares, parts.day_possible, parts.month_possible, parts.features)
       into answer
      using to_char(now(), 'YYYY-MM-DD'), to_char(now(), 'YYYY-MM'), p_share, p_page::bigint;
    return answer;
end
$$;

-- Who has used most of a feature in its current period. NULL if there is no such feature.
create or replace function public.operator_top_users(p_feature_type text, p_page integer default 0)
returns jsonb
language plpgsql security definer set search_path = '' set timezone = 'UTC' set jit = off as $$
declare
    feature public.usage_features;
    current_period text;
    answer jsonb;
begin
    select * into feature from public.usage_features as f where f.feature_type = p_feature_type;
    if not found then
        return null;
    end if;
    perform public.expire_reservations();

    current_period := to_char(now(), case feature.period when 'day' then 'YYYY-MM-DD' else 'YYYY-MM' end);
    execute format(
        $query$
        with page as (
            select fu.user_id, fu.%1$I as used from public.feature_usage as fu
             where fu.period = $1 and fu.%1$I > 0
             order by fu.%1$I desc, fu.user_id limit 26 offset $2 * 25
        ), shown as (
            select * from page order by used desc, user_id limit 25
        )
        select jsonb_build_object(
                   'feature_type', $3, 'period', $1,
                   'rows', coalesce(jsonb_agg(jsonb_build_object(
                       'user_id', s.user_id, 'email', u.email, 'plan_id', coalesce(up.plan_id::text, 'free'), 'used', s.used)
                       order by s.used desc, s.user_id), '[]'),
                   'more', (select count(*) > 25 from page))
          from shown as s
          left join auth.users as u on u.id = s.user_id
          left join public.user_plans as up on up.user_id = s.user_id
        $query$, feature.usage_column)
       into answer
      using current_period, p_page::bigint, p_feature_type;
    return answer;
end
$$;

-- The totals of periods that ended more than two days ago, so that a report does not add up each row of a
-- month again. Such a period hardly changes: all its reservations have expired. After a late commit or a
-- correction by hand, delete its row, or all rows: the next report adds up what is missing. Totals outlive
-- pruned counts and deleted users.
create table if not exists public.feature_usage_totals (
    period text primary key,
    usage jsonb not null,
    created_at timestamptz not null default now()
);
-- For the owner only. Supabase's default privileges would grant more.
alter table public.feature_usage_totals enable row level security;
revoke all on public.feature_usage_totals from anon, authenticated, service_role;

-- How much all users have used of each feature: of daily ones on the last days, of monthly ones in the
-- last 12 months, oldest first.
create or replace function public.operator_use_by_day(p_days integer default 30)
returns jsonb
language plpgsql security definer set search_path = '' set timezone = 'UTC' set jit = off as $$
declare
    days constant text[] := array(
        select to_char(now() - make_interval(days => ago), 'YYYY-MM-DD') from generate_series(0, p_days - 1) as ago);
    months constant text[] := array(
        select to_char(date_trunc('month', now()) - make_interval(months => ago), 'YYYY-MM') from generate_series(0, 11) as ago);
    daily record;
    monthly record;
    missing text[];
    counted jsonb;
    answer jsonb;
begin
    perform public.expire_reservations();

    select coalesce(array_agg(f.feature_type), '{}') as features, coalesce(jsonb_object_agg(f.feature_type, 0), '{}') as nothing,
           string_agg(format('%L, sum(fu.%I)', f.feature_type, f.usage_column), ', ') as sums
      into daily from public.usage_features as f where f.period = 'day';
    select coalesce(array_agg(f.feature_type), '{}') as features, coalesce(jsonb_object_agg(f.feature_type, 0), '{}') as nothing,
           string_agg(format('%L, sum(fu.%I)', f.feature_type, f.usage_column), ', ') as sums
      into monthly from public.usage_features as f where f.period = 'month';

    -- Totals lack a feature that has been added since.
    missing := array(
        select p from unnest(days || months) as p
         where not exists (
            select from public.feature_usage_totals as t
             where t.period = p and t.usage ?& case when p = any (days) then daily.features else monthly.features end));
    -- In one statement, as the planner may have to read the whole table.
    execute format(
        $query$
        select coalesce(jsonb_object_agg(s.period, s.usage), '{}')
          from (select fu.period,
                       case when fu.period = any ($2) then jsonb_build_object(%s) else jsonb_build_object(%s) end as usage
                  from public.feature_usage as fu where fu.period = any ($1) group by fu.period) as s
        $query$, daily.sums, monthly.sums)
       into counted using missing, days;
    insert into public.feature_usage_totals as t (period, usage)
    select p, counted -> p from unnest(missing) as p
     where counted ? p
       and case when p = any (days) then p::timestamp + interval '1 day' else (p || '-01')::timestamp + interval '1 month' end
           < now() - interval '2 days'
        on conflict (period) do update set usage = excluded.usage, created_at = excluded.created_at;

    select jsonb_build_object(
               'daily', jsonb_agg(one.use order by one.period) filter (where one.is_day),
               'monthly', jsonb_agg(one.use order by one.period) filter (where not one.is_day))
      into answer
      from (select p as period, p = any (days) as is_day,
                   jsonb_build_object('period', p, 'usage', coalesce(
                       counted -> p, t.usage, case when p = any (days) then daily.nothing else monthly.nothing end)) as use
              from unnest(days || months) as p left join public.feature_usage_totals as t on t.period = p) as one;
    return answer;
end
$$;

-- All about one user, found by id or by exact email. NULL if there is no such user. Emails are stored in
-- lower case, and are unique among those who do not sign in through SSO.
create or replace function public.operator_user(p_search text, p_page integer default 0)
returns jsonb
language plpgsql security definer set search_path = '' set timezone = 'UTC' as $$
declare
    wanted_id constant uuid := case when p_search ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_search::uuid end;
    person record;
begin
    select u.id, u.email, u.created_at into person from auth.users as u
     where u.id = wanted_id or u.email = lower(p_search) and not u.is_sso_user;
    if not found then
        return null;
    end if;
    perform public.expire_reservations();

    return (
        with page as (
            select fu.* from public.feature_usage as fu
             where fu.user_id = person.id order by fu.period desc limit 26 offset p_page::bigint * 25
        ), shown as (
            select * from page order by page.period desc limit 25
        )
        select jsonb_build_object(
            'user', to_jsonb(person),
            'plan', (select to_jsonb(up) from public.user_plans as up where up.user_id = person.id),
            'limits', public.get_user_limits(person.id),
            'features', (select jsonb_agg(public.check_feature_limit(person.id, f.feature_type, 0) order by f.feature_type)
                           from public.usage_features as f),
            'rows', (select coalesce(jsonb_agg(to_jsonb(s) order by s.period desc), '[]') from shown as s),
            'more', (select count(*) > 25 from page)));
end
$$;

-- Supabase's default privileges would grant these to every role of the API.
do $$
declare
    report regprocedure;
begin
    foreach report in array array[
        'public.operator_near_limit(numeric, integer)', 'public.operator_top_users(text, integer)',
        'public.operator_use_by_day(integer)', 'public.operator_user(text, integer)']::regprocedure[]
    loop
        execute format('revoke all on function %s from public, anon, authenticated', report);
        execute format('grant execute on function %s to service_role', report);
    end loop;
end
$$;

-- Adds up what an existing app has counted, so that its first report does not have to.
do $$
begin
    perform public.operator_use_by_day(90);
end
$$;

notify pgrst, 'reload schema';

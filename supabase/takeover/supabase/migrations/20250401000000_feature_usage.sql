-- Replaces hand-written functions. Every count is kept: feature_usage is upgraded in place, and the
-- rows of the log of images become counts. The CLI applies a migration in one transaction: if it
-- fails, nothing changes.

drop function if exists
    public.increment_voice_seconds(uuid, integer, text),
    public.increment_insights_count(uuid, integer, text),
    public.increment_therai_calls(uuid, integer, text),
    public.increment_chat_messages(uuid, integer, text),
    public.increment_images_generated(uuid, integer, text),
    public.check_feature_limit(uuid, text, integer, text),
    public.get_user_limits(uuid);

-- The extension's policies replace the old ones.
drop policy if exists "Users can view own usage" on public.feature_usage;
drop policy if exists "Anyone can view plans" on public.plan_limits;

create extension if not exists feature_usage with schema public;

-- Subscriptions stay in profiles: a view replaces the new, empty table user_plans.
drop table public.user_plans;
create view public.user_plans with (security_invoker = on) as
    select id as user_id, subscription_plan as plan_id, subscription_active as is_active,
           subscription_status as status, trial_end_date
      from public.profiles;
select public.feature_usage_setup();

-- The rows of the log, one per image, become daily counts; then the log is dropped.
select public.migrate_image_generation_log(p_drop => true);

notify pgrst, 'reload schema';

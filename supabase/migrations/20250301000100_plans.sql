-- The plans of the application. NULL means unlimited. A limit you have not set is 0: the feature is
-- blocked on that plan. The server writes each user's plan to user_plans, for example after a
-- payment.
insert into public.plan_limits (
    plan_id, plan_name, voice_seconds_limit, insights_limit, therai_calls_limit,
    chat_messages_daily_limit, image_generation_daily_limit,
    has_together_mode, has_voice_mode, has_image_generation, has_priority_support, has_early_access, display_order
) values
    ('free', 'Free', 120, 0, 3, 3, 3, false, true, true, false, false, 0),
    ('growth', 'Growth', 3600, 10, 50, 100, 10, true, true, true, false, false, 1),
    ('premium', 'Premium', null, null, null, null, 50, true, true, true, true, true, 2)
on conflict (plan_id) do update set
    plan_name = excluded.plan_name,
    voice_seconds_limit = excluded.voice_seconds_limit,
    insights_limit = excluded.insights_limit,
    therai_calls_limit = excluded.therai_calls_limit,
    chat_messages_daily_limit = excluded.chat_messages_daily_limit,
    image_generation_daily_limit = excluded.image_generation_daily_limit,
    has_together_mode = excluded.has_together_mode,
    has_voice_mode = excluded.has_voice_mode,
    has_image_generation = excluded.has_image_generation,
    has_priority_support = excluded.has_priority_support,
    has_early_access = excluded.has_early_access,
    display_order = excluded.display_order;

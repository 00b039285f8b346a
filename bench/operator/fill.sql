-- Fills the example app with :users users who have a row for each of :days days and for two months, in the
-- order of :by: "period", in which rows arrive, or "user_id". About one user of ten is near a limit.
SET client_min_messages = warning;
-- Without the triggers of foreign keys, which take half a minute.
SET session_replication_role = replica;
TRUNCATE auth.users, public.user_plans, public.feature_usage, public.feature_reservations, public.feature_usage_totals CASCADE;

CREATE TEMPORARY TABLE people AS
SELECT n, gen_random_uuid() AS id FROM generate_series(1, :users) AS n;

INSERT INTO auth.users (id, email, created_at)
SELECT id, 'user' || n || '@example.com', now() FROM people;

-- One user of four has a plan that somebody has set.
INSERT INTO public.user_plans (user_id, plan_id)
SELECT id, (ARRAY['free', 'growth', 'premium'])[1 + n / 4 % 3] FROM people WHERE n % 4 = 0;

CREATE TEMPORARY TABLE periods AS
SELECT to_char(day, 'YYYY-MM-DD') AS period, true AS is_day
  FROM generate_series(now() AT TIME ZONE 'UTC' - make_interval(days => :days - 1), now() AT TIME ZONE 'UTC', '1 day') AS day
UNION ALL
SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => ago), 'YYYY-MM'), false
  FROM generate_series(0, 1) AS ago;

INSERT INTO public.feature_usage (user_id, period, images_generated, chat_messages, therai_calls, voice_seconds)
SELECT id, period,
       CASE WHEN is_day THEN random() ^ 4 * 4 ELSE 0 END,
       CASE WHEN is_day THEN random() ^ 5 * 4 ELSE 0 END,
       CASE WHEN is_day THEN random() ^ 6 * 4 ELSE 0 END,
       CASE WHEN is_day THEN 0 ELSE random() ^ 3 * 150 END
  FROM people CROSS JOIN periods
 ORDER BY CASE :'by' WHEN 'period' THEN period ELSE id::text END, random();

-- As autovacuum would.
VACUUM (ANALYZE) auth.users, public.user_plans, public.feature_usage;

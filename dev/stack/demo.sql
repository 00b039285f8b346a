-- The users of dev/supabase, one for each case that the web page shows, and what they have used in the last
-- 30 days. The psql variable password_hash is of the password of all of them.
BEGIN;

CREATE TEMPORARY TABLE demo_users (id uuid, name text, role text);
INSERT INTO demo_users VALUES
    ('a11ce000-0000-4000-8000-000000000001', 'alice'),
    ('97ace000-0000-4000-8000-000000000002', 'grace'),
    ('9a010000-0000-4000-8000-000000000003', 'paul'),
    ('d07a0000-0000-4000-8000-000000000004', 'dora'),
    ('71300000-0000-4000-8000-000000000005', 'tim'),
    ('019a0000-0000-4000-8000-000000000006', 'olga'),
    ('c1e00000-0000-4000-8000-000000000007', 'cleo'),
    ('3a7e0000-0000-4000-8000-000000000008', 'kate'),
    ('1e0a0000-0000-4000-8000-000000000009', 'leo');
UPDATE demo_users SET role = 'operator' WHERE name = 'olga';

-- Data from before Auth has an Alice without a password.
INSERT INTO auth.users AS u (id, aud, role, email, encrypted_password, email_confirmed_at,
                             raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
SELECT id, 'authenticated', 'authenticated', name || '@example.com', :'password_hash', now(),
       jsonb_strip_nulls(jsonb_build_object('provider', 'email', 'providers', jsonb_build_array('email'), 'role', role)),
       jsonb_build_object('sub', id, 'email', name || '@example.com', 'email_verified', true, 'phone_verified', false),
       now() - interval '30 days', now()
  FROM demo_users
ON CONFLICT (id) DO UPDATE
   SET aud = excluded.aud, role = excluded.role, encrypted_password = excluded.encrypted_password,
       email_confirmed_at = excluded.email_confirmed_at, raw_app_meta_data = excluded.raw_app_meta_data,
       raw_user_meta_data = excluded.raw_user_meta_data, created_at = excluded.created_at, updated_at = excluded.updated_at;

-- Alice and Olga have the free plan, like everyone without a row.
SELECT set_user_plan(id, 'growth') FROM demo_users WHERE name = 'grace';
SELECT set_user_plan(id, 'premium') FROM demo_users WHERE name = 'paul';
SELECT set_user_plan(id, 'growth', p_status => 'canceled') FROM demo_users WHERE name = 'dora';
SELECT set_user_plan(id, 'free', p_trial_end_date => now() - interval '3 days') FROM demo_users WHERE name = 'tim';

-- Cleo pays images and chat messages in credits, of which she has a pack besides those of her plan.
SELECT add_feature('credits', 'month');
INSERT INTO plan_limits (plan_id, plan_name, credits_limit, display_order) VALUES ('credits', 'Credits', 100, 3);
INSERT INTO usage_rules (applies_to, plan_id, feature_type, effect, amount, paid_in, per)
VALUES ('plan', 'credits', 'image_generation', 'cost', 5, 'credits', 'period'),
       ('plan', 'credits', 'chat', 'cost', 1, 'credits', 'period'),
       ('plan', 'credits', 'chat', 'cap', 20, NULL, 'hour');
SELECT set_user_plan(id, 'credits'), grant_usage(id, 'credits', 50, 'demo', now() + interval '90 days')
  FROM demo_users WHERE name = 'cleo';

-- Kate and Leo are a team of three seats. Each may make two images of the team per day, which Leo has made. Their
-- own plan is the free one.
INSERT INTO usage_pools (pool_id, plan_id, seats) VALUES ('7ea70000-0000-4000-8000-000000000001', 'growth', 3);
INSERT INTO usage_pool_members (pool_id, user_id)
SELECT '7ea70000-0000-4000-8000-000000000001', id FROM demo_users WHERE name IN ('kate', 'leo');
INSERT INTO usage_rules (applies_to, pool_id, feature_type, effect, amount, per)
VALUES ('member', '7ea70000-0000-4000-8000-000000000001', 'image_generation', 'cap', 2, 'day');
SELECT grant_usage(NULL, 'insights', 40, 'demo-team', p_pool_id => '7ea70000-0000-4000-8000-000000000001');
SELECT consume_feature(id, feature, amount, p_pool_id => '7ea70000-0000-4000-8000-000000000001')
  FROM (VALUES ('kate', 'insights', 12), ('leo', 'image_generation', 2), ('leo', 'insights', 9), ('leo', 'chat', 40))
       AS used (name, feature, amount)
  JOIN demo_users USING (name);

-- Up to yesterday: today's counts start at 0. The numbers vary from day to day, always in the same way, and
-- stay within the limits of the plan.
SELECT record_usage(jsonb_agg(jsonb_build_object('user_id', id, 'feature_type', feature, 'period', period, 'amount', amount)))
  FROM (
    SELECT u.id, f.feature, to_char(now() - make_interval(days => day), f.format) AS period,
           (day * day * 13 + day * 6 + day / 3) % (f.most + 1) AS amount
      FROM generate_series(1, 29) AS day,
           (VALUES ('alice', 'chat', 3, 'YYYY-MM-DD'), ('alice', 'image_generation', 2, 'YYYY-MM-DD'),
                   ('alice', 'therai_calls', 1, 'YYYY-MM-DD'), ('alice', 'voice_seconds', 6, 'YYYY-MM'),
                   ('grace', 'chat', 60, 'YYYY-MM-DD'), ('grace', 'image_generation', 8, 'YYYY-MM-DD'),
                   ('grace', 'therai_calls', 20, 'YYYY-MM-DD'), ('grace', 'voice_seconds', 200, 'YYYY-MM'),
                   ('paul', 'chat', 180, 'YYYY-MM-DD'), ('paul', 'image_generation', 30, 'YYYY-MM-DD'),
                   ('paul', 'therai_calls', 70, 'YYYY-MM-DD'), ('paul', 'voice_seconds', 900, 'YYYY-MM')
           ) AS f (name, feature, most, format)
      JOIN demo_users AS u USING (name)
  ) AS events
 WHERE amount > 0;

COMMIT;

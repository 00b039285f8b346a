-- The seed flow: two users, their usage, and a limit that is reached.
\set alice '''a11ce000-0000-4000-8000-000000000001'''
\set bob   '''b0b00000-0000-4000-8000-000000000002'''
\set QUIET on
\pset footer off
-- The roles of an API, so that their rights can be tried: SET ROLE authenticated;
SELECT format('CREATE ROLE %I NOLOGIN', name) FROM unnest('{service_role,authenticated,anon}'::text[]) AS name
 WHERE to_regrole(name) IS NULL \gexec
\echo 'CREATE EXTENSION feature_usage;'
CREATE EXTENSION feature_usage;

\o /dev/null
SELECT increment_voice_seconds(:alice, 245, '2025-02');
SELECT increment_insights_count(:alice, 5, '2025-02');
SELECT increment_images_generated(:alice, 2, '2025-02-10');
SELECT increment_therai_calls(:alice, 8, '2025-02-10');
SELECT increment_images_generated(:bob, 3, '2025-02-10');
SELECT increment_therai_calls(:bob, 15, '2025-02-10');
\o

\echo
\echo 'The usage of Alice and Bob, one row per month or day:'
SELECT CASE user_id WHEN :alice THEN 'alice' ELSE 'bob' END AS user, period,
       voice_seconds, images_generated, insights_count, therai_calls
  FROM feature_usage ORDER BY user_id, period;

\echo 'Alice makes images today. Her plan, free, allows three per day:'
CREATE TEMPORARY TABLE asked (image integer, answer jsonb);
DO $$
BEGIN
    FOR nth IN 1..4 LOOP
        INSERT INTO asked VALUES (nth, consume_feature('a11ce000-0000-4000-8000-000000000001', 'image_generation'));
    END LOOP;
END
$$;
SELECT image, answer -> 'allowed' AS allowed, answer -> 'current_usage' AS used,
       answer -> 'remaining' AS remaining, answer ->> 'error_code' AS error_code
  FROM asked ORDER BY image;

\echo 'Bob reserves 60 of his 120 seconds of voice, and uses 42:'
SELECT reserve_feature(:bob, 'voice_seconds', 60) AS reserved \gset
SELECT check_feature_limit(:bob, 'voice_seconds', 0) AS before \gset
SELECT commit_reservation((:'reserved'::jsonb ->> 'reservation_id')::uuid, 42) AS committed \gset
SELECT at, answer -> 'current_usage' AS used, answer -> 'reserved' AS reserved
  FROM (VALUES ('reserve', :'before'::jsonb),
               ('commit', check_feature_limit(:bob, 'voice_seconds', 0))) AS t (at, answer);

\echo 'SELECT jsonb_pretty(check_feature_limit(':alice', ''image_generation''));'
\pset tuples_only on
\pset format unaligned
SELECT jsonb_pretty(check_feature_limit(:alice, 'image_generation'));

-- Counts and limits: the tables feature_usage, plan_limits and user_plans, and their functions.
create extension if not exists feature_usage with schema public;

-- Make PostgREST reload its schema cache.
notify pgrst, 'reload schema';

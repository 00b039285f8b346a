-- What every database of the local Supabase has, besides what the fixtures make.
-- On Supabase, postgres may create plpgsql_check, which `supabase db lint` uses; here it is there.
CREATE SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO app_owner, anon, authenticated, service_role;
CREATE EXTENSION plpgsql_check WITH SCHEMA extensions;

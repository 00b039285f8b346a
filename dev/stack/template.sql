-- Contents of every database of the local Supabase, in addition to the fixtures. On Supabase,
-- postgres may create plpgsql_check, which `supabase db lint` uses; here it is created beforehand.
CREATE SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO app_owner, anon, authenticated, service_role;
CREATE EXTENSION plpgsql_check WITH SCHEMA extensions;

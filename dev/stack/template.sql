-- Contents of every database of the local Supabase, in addition to the fixtures. On Supabase,
-- postgres may create plpgsql_check, which `supabase db lint` uses; here it is created
-- beforehand, if this Postgres has it.
CREATE SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO app_owner, anon, authenticated, service_role;
SELECT count(*) > 0 AS has_check FROM pg_available_extensions WHERE name = 'plpgsql_check' \gset
\if :has_check
CREATE EXTENSION plpgsql_check WITH SCHEMA extensions;
\endif

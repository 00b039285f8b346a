-- Supabase's names: supabase_admin is the superuser; postgres owns the application and is not a
-- superuser.
ALTER ROLE postgres RENAME TO supabase_admin;
ALTER ROLE app_owner RENAME TO postgres;
ALTER ROLE postgres SET search_path = "$user", public, extensions;

-- Supabase's names: its superuser is supabase_admin, and its postgres, who owns the app, is none.
ALTER ROLE postgres RENAME TO supabase_admin;
ALTER ROLE app_owner RENAME TO postgres;
ALTER ROLE postgres SET search_path = "$user", public, extensions;

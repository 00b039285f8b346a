-- Supabase Realtime tells a page when its user's counts, reservations, plan, packs or rules change: each user of
-- their own rows, as the policies say. Without Realtime there is no such publication, and nothing to do.
do $$
declare
    missing record;
begin
    for missing in
        select c.relname
          from pg_catalog.pg_publication as p, pg_catalog.pg_class as c
         where p.pubname = 'supabase_realtime' and not p.puballtables
           and c.relnamespace = 'public'::regnamespace
           and c.relname in ('feature_usage', 'feature_reservations', 'user_plans', 'usage_grants', 'usage_rules')
           -- A published table without an identity would refuse updates; a view has none.
           and (c.relreplident in ('f', 'i')
                or c.relreplident = 'd' and exists (select from pg_catalog.pg_index as i where i.indrelid = c.oid and i.indisprimary))
           and not exists (select from pg_catalog.pg_publication_rel as r where r.prpubid = p.oid and r.prrelid = c.oid)
    loop
        execute format('alter publication supabase_realtime add table public.%I', missing.relname);
    end loop;
end
$$;

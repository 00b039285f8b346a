// The migrations of the example project, as applied by supabase db push.
import assert from "node:assert/strict";
import { push, sql } from "./support/database.ts";

Deno.test("the owner is Supabase's postgres, who is not a superuser", async () => {
  const owner = await sql(`select rolname, rolsuper from pg_extension join pg_roles on pg_roles.oid = extowner
                            where extname = 'feature_usage'`);
  assert.deepEqual(owner, ["postgres|f"]);
});

Deno.test("a second push does nothing", async () => {
  const state = () =>
    sql(
      "select p::text from plan_limits as p union all select version from supabase_migrations.schema_migrations order by 1",
    );
  const before = await state();
  assert.match(await push("app", "."), /up to date/);
  assert.deepEqual(await state(), before);
});

Deno.test("running the migrations again by hand changes nothing", async () => {
  const state = () => sql("select p::text from plan_limits as p order by plan_id");
  const before = await state();
  await sql("update plan_limits set image_generation_daily_limit = 4 where plan_id = 'free'");
  for (
    const { name } of [...Deno.readDirSync("supabase/migrations")].sort((a, b) => a.name < b.name ? -1 : 1)
  ) {
    await sql(await Deno.readTextFile(`supabase/migrations/${name}`));
  }
  assert.deepEqual((await state()).map(withoutTimes), before.map(withoutTimes));
});

const withoutTimes = (row: string) => row.replaceAll(/"[^"]*"/g, "");

Deno.test("a takeover that fails changes nothing", async () => {
  // Two rows of one user and month: the extension refuses to choose one.
  await sql("create database stopped template supabase_template", { database: "template1" });
  const stopped = (text: string) => sql(text, { database: "stopped" });
  await stopped(await Deno.readTextFile("tests/supabase/hand_written_app.sql"));
  await stopped(`alter table feature_usage drop constraint feature_usage_user_id_period_key;
                 insert into feature_usage (user_id, period) select user_id, period from feature_usage limit 1`);
  const state = () =>
    stopped(`select proname from pg_proc where pronamespace = 'public'::regnamespace
             union all select relname from pg_class where relnamespace = 'public'::regnamespace
             union all select f::text from feature_usage as f order by 1`);
  const before = await state();
  await assert.rejects(push("stopped", "supabase/takeover"));
  assert.deepEqual(await state(), before);
  await sql("drop database stopped", { database: "template1" });
});

const REALTIME = "supabase/migrations/20250301000500_realtime.sql";
const PUBLISHED =
  "select tablename from pg_publication_tables where pubname = 'supabase_realtime' order by 1";

Deno.test("where Realtime is, the tables of users are published, once", async () => {
  await sql("create publication supabase_realtime for table user_plans");
  try {
    for (let run = 0; run < 2; run++) {
      await sql(await Deno.readTextFile(REALTIME));
      assert.deepEqual(await sql(PUBLISHED), [
        "feature_reservations",
        "feature_usage",
        "usage_grants",
        "usage_rules",
        "user_plans",
      ]);
    }
    // Published tables can still be updated.
    await sql("update feature_usage set chat_messages = chat_messages");
  } finally {
    await sql("drop publication supabase_realtime");
  }
});

Deno.test("neither a view nor a table without a key is published, nor anything twice", async () => {
  await sql("create database published template supabase_template", { database: "template1" });
  const published = (text: string) => sql(text, { database: "published" });
  await published(`create table feature_usage (user_id uuid, period text, unique (user_id, period));
    create table feature_reservations (reservation_id uuid primary key);
    create view user_plans as select gen_random_uuid() as user_id;
    create publication supabase_realtime`);
  await published(await Deno.readTextFile(REALTIME));
  assert.deepEqual(await published(PUBLISHED), ["feature_reservations"]);
  await sql("create publication all_of_it for all tables", { database: "published", role: "supabase_admin" });
  await published("drop publication supabase_realtime");
  await sql("alter publication all_of_it rename to supabase_realtime", {
    database: "published",
    role: "supabase_admin",
  });
  await published(await Deno.readTextFile(REALTIME));
  await sql("drop database published", { database: "template1" });
});

// Supabase's tools on a database with the extension: types, advisors and linter.
import assert from "node:assert/strict";
import { run, sql } from "./support/database.ts";
import { setting } from "./support/stack.ts";
import { generateTypes } from "../../dev/stack/types.ts";

const address = (database: string) => `postgresql://postgres@localhost/${database}?host=${setting("PGHOST")}`;

interface Advice {
  name: string;
  level: string;
  metadata: { name: string };
}

/** The errors and warnings of the advisors, which print a list, or nothing if there are none. */
async function advice(database = "app"): Promise<string[]> {
  const printed = await run(setting("SUPABASE_CLI"), [
    "db",
    "advisors",
    "--level",
    "info",
    "--remote",
    address(database),
  ]);
  const all: Advice[] = printed.trim().startsWith("[") ? JSON.parse(printed) : [];
  return all.filter((one) => one.level !== "INFO").map((one) => `${one.name} ${one.metadata.name}`).sort();
}

async function lint(): Promise<string> {
  const options = ["--schema", "public", "--level", "warning", "--remote", address("app")];
  return await run(setting("SUPABASE_CLI"), ["db", "lint", ...options]);
}

Deno.test("types.ts is the output of supabase gen types", async () => {
  const checkedIn = await Deno.readTextFile("supabase/functions/_shared/types.ts");
  assert.ok(
    await generateTypes(address("app")) === checkedIn,
    "types.ts is out of date: run dev/supabase types",
  );
});

Deno.test("a change of the database changes the types", async () => {
  await sql("alter table user_plans add column coupon text");
  try {
    assert.match(await generateTypes(address("app")), /coupon/);
  } finally {
    await sql("alter table user_plans drop column coupon");
  }
});

Deno.test("the advisors have one warning: the extension is in public, which the API exposes", async () => {
  assert.deepEqual(await advice(), ["extension_in_public feature_usage"]);
});

Deno.test("the advisors have no warning if it is in a separate schema", async () => {
  assert.deepEqual(await advice("own_schema"), []);
});

Deno.test("the advisors would warn of a table without row-level security", async () => {
  await sql("create table left_open (id integer primary key)");
  try {
    assert.ok((await advice()).includes("rls_disabled_in_public left_open"));
  } finally {
    await sql("drop table left_open");
  }
});

/** The linter needs plpgsql_check, which not every Postgres has. */
const hasLinter = (await sql("select 1 from pg_extension where extname = 'plpgsql_check'")).length > 0;

Deno.test("the linter finds nothing", { ignore: !hasLinter }, async () => {
  assert.match(await lint(), /No schema errors found|^\s*$/);
});

Deno.test("the linter would find an error in a function", { ignore: !hasLinter }, async () => {
  await sql(
    "create function broken() returns void language plpgsql as 'begin perform no_such_function(); end'",
  );
  try {
    assert.match(await lint(), /no_such_function/);
  } finally {
    await sql("drop function broken()");
  }
});

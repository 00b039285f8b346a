// Accesses the databases of the local Supabase with psql.
import type { Database } from "../../../supabase/functions/_shared/types.ts";
import { service, setting } from "./stack.ts";

export type Role = "postgres" | "supabase_admin";

/** Runs SQL, by default as the owner of the application; returns the lines that psql prints. */
export async function sql(text: string, options: { database?: string; role?: Role } = {}): Promise<string[]> {
  const { database = "app", role = "postgres" } = options;
  const printed = await run(
    `${setting("PG_BIN")}/psql`,
    ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
      .concat(["--host", setting("PGHOST"), "--username", role, "--dbname", database, "--command", text]),
  );
  return printed.split("\n").filter(Boolean);
}

/** Runs a command of dev/ or any other program, and returns its output. */
export async function run(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Applies the migrations of a project to a database, and returns the output of the CLI. */
export function push(database: string, project: string): Promise<string> {
  const sources = ["common.sh", "cluster.sh", "stack/tools.sh", "stack/database.sh"].map((file) =>
    `source dev/${file}`
  );
  return run("bash", [
    "-c",
    [...sources, `stack_push ${setting("CLUSTER")} ${database} '${project}' 2>&1`].join("; "),
  ]);
}

/** A new user who has signed up, with this plan or the free plan. */
export async function newUser(planId?: string): Promise<string> {
  const id = crypto.randomUUID();
  await sql(`insert into auth.users (id, email) values ('${id}', '${id}@example.com')`);
  if (planId) await sql(`insert into user_plans values ('${id}', '${planId}', true, 'active')`);
  return id;
}

/** A new pool with these members, of the plan growth or another. */
export async function newPool(members: string[], planId = "growth"): Promise<string> {
  const id = crypto.randomUUID();
  await sql(`insert into usage_pools (pool_id, plan_id) values ('${id}', '${planId}')`);
  for (const member of members) {
    await sql(`insert into usage_pool_members (pool_id, user_id) values ('${id}', '${member}')`);
  }
  return id;
}

/** What all members of a pool have used of a feature. */
export async function usedByPool(poolId: string, featureType: string): Promise<number> {
  const [used] = await sql(
    `select usage_status(null, '${featureType}', '${poolId}') #> '{features,${featureType},current_usage}'`,
  );
  return Number(used);
}

/** The count of a user's images today. */
export async function imagesCounted(userId: string): Promise<number> {
  return await sum("images_generated", userId);
}

export async function sum(counter: string, userId: string): Promise<number> {
  const [total] = await sql(
    `select coalesce(sum(${counter}), 0) from feature_usage where user_id = '${userId}'`,
  );
  return Number(total);
}

type Rule = Database["public"]["Tables"]["usage_rules"]["Insert"];

/** Makes a rule as the server does. */
export async function addRule(rule: Rule): Promise<void> {
  const { error } = await service().from("usage_rules").insert(rule);
  if (error) throw new Error(error.message);
}

/** Undoes add_feature() for a feature of this name, with its counts. */
export async function removeFeature(name: string): Promise<void> {
  await sql(`drop function increment_${name}(uuid, integer, text);
    delete from usage_features where feature_type = '${name}';
    alter table feature_usage drop column ${name};
    alter table plan_limits drop column ${name}_limit;
    -- The columns took the CHECK constraints of all counters and limits with them.
    select feature_usage_setup()`);
}

/** Waits until a condition becomes true. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never came true: ${condition}`);
}

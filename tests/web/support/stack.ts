// The local Supabase that tests/web/run has started, as its server sees it.
import { execFileSync } from "node:child_process";
import { createClient } from "@supabase/supabase-js";
import type { Database } from "../../../supabase/functions/_shared/types.ts";

export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start the tests with tests/web/run`);
  return value;
}

export const url = setting("SUPABASE_URL");
export const anonKey = setting("ANON_KEY");
export const PASSWORD = "correct horse";

const service = createClient<Database>(url, setting("SERVICE_KEY"), {
  auth: { persistSession: false },
});

export interface User {
  id: string;
  email: string;
}

interface Wanted {
  planId?: string;
  status?: string;
  trialEnd?: string;
  /** The role in app_metadata, which only the server writes. */
  role?: string;
  /** The role in user_metadata, which users write themselves. */
  claimedRole?: string;
}

/** A new user who has signed up, with the plan free or another. */
export async function newUser({ planId, status, trialEnd, role, claimedRole }: Wanted = {}): Promise<User> {
  const email = `${crypto.randomUUID()}@example.com`;
  const { data, error } = await service.auth.admin.createUser({
    email,
    password: PASSWORD,
    email_confirm: true,
    app_metadata: role ? { role } : {},
    user_metadata: claimedRole ? { role: claimedRole } : {},
  });
  if (error) throw error;
  const user = { id: data.user.id, email };
  if (planId) await setPlan(user, planId, status, trialEnd);
  return user;
}

export async function setPlan(
  user: User,
  planId: string,
  status = "active",
  trialEnd?: string,
): Promise<void> {
  // Not by set_user_plan, which refuses a plan that is not for sale.
  const plan = { user_id: user.id, plan_id: planId, is_active: true, status, trial_end_date: trialEnd };
  const { error } = await service.from("user_plans").upsert(plan);
  if (error) throw error;
}

/** Counts something that the user has used elsewhere, for example on another device. */
export async function count(
  user: User,
  featureType: string,
  amount: number,
  period = "current",
): Promise<void> {
  const { error } = await service.rpc("increment_feature_usage", {
    p_user_id: user.id,
    p_feature_type: featureType,
    p_amount: amount,
    p_period: period,
  });
  if (error) throw error;
}

/** Reserves one, as an edge function does before its work. Returns the reservation's id. */
export async function reserve(user: User, featureType: string, idempotencyKey?: string): Promise<string> {
  const { data, error } = await service.rpc("reserve_feature", {
    p_user_id: user.id,
    p_feature_type: featureType,
    p_ttl: "3 minutes",
    p_idempotency_key: idempotencyKey,
  });
  if (error) throw error;
  return (data as { reservation_id: string }).reservation_id;
}

export async function release(reservationId: string): Promise<void> {
  const { error } = await service.rpc("release_reservation", { p_reservation_id: reservationId });
  if (error) throw error;
}

/** What the database has counted of a feature in its current period. */
export async function counted(user: User, featureType: string): Promise<number> {
  const { data, error } = await service.rpc("check_feature_limit", {
    p_user_id: user.id,
    p_feature_type: featureType,
    p_requested_amount: 0,
  });
  if (error) throw error;
  return (data as { current_usage: number }).current_usage;
}

type Rule = Database["public"]["Tables"]["usage_rules"]["Insert"];

/** Makes a rule for a user. Returns its id. */
export async function addRule(user: User, rule: Omit<Rule, "applies_to" | "user_id">): Promise<string> {
  const { data, error } = await service.from("usage_rules")
    .insert({ ...rule, applies_to: "user", user_id: user.id }).select("rule_id").single();
  if (error) throw error;
  return data.rule_id;
}

/** A team with these members, of the plan growth or another; seats multiply its limits. */
export async function newTeam(members: User[], { planId = "growth", seats = 2 } = {}): Promise<string> {
  const pool_id = crypto.randomUUID();
  const { error } = await service.from("usage_pools").insert({ pool_id, plan_id: planId, seats });
  if (error) throw error;
  for (const { id } of members) {
    const { error } = await service.from("usage_pool_members").insert({ pool_id, user_id: id });
    if (error) throw error;
  }
  return pool_id;
}

export async function leaveTeam(user: User, poolId: string): Promise<void> {
  const { error } = await service.from("usage_pool_members").delete()
    .eq("pool_id", poolId).eq("user_id", user.id);
  if (error) throw error;
}

/** Makes a rule for a team, or for each of its members. */
export async function addTeamRule(
  poolId: string,
  applies_to: "pool" | "member",
  rule: Omit<Rule, "applies_to" | "pool_id">,
): Promise<void> {
  const { error } = await service.from("usage_rules").insert({ ...rule, applies_to, pool_id: poolId });
  if (error) throw error;
}

/** Counts what a member uses in a team, elsewhere. */
export async function countInTeam(
  user: User,
  poolId: string,
  featureType: string,
  amount: number,
): Promise<void> {
  const { data, error } = await service.rpc("consume_feature", {
    p_user_id: user.id,
    p_feature_type: featureType,
    p_amount: amount,
    p_pool_id: poolId,
  });
  if (error) throw error;
  if (!(data as { allowed: boolean }).allowed) throw new Error(JSON.stringify(data));
}

/** What all members of a team have used of a feature. */
export async function countedInTeam(member: User, poolId: string, featureType: string): Promise<number> {
  const { data, error } = await service.rpc("usage_status", {
    p_user_id: member.id,
    p_feature_type: featureType,
    p_pool_id: poolId,
  });
  if (error) throw error;
  return (data as { features: Record<string, { current_usage: number }> }).features[featureType]!
    .current_usage;
}

/** Grants units to a team. In SQL, as the local REST server has no NULL for the user. */
export function grantToTeam(poolId: string, featureType: string, amount: number, source: string): void {
  sql(`select grant_usage(null, '${featureType}', ${amount}, '${source}', p_pool_id => '${poolId}')`);
}

export async function removeRule(ruleId: string): Promise<void> {
  const { error } = await service.from("usage_rules").delete().eq("rule_id", ruleId);
  if (error) throw error;
}

/** Grants units beside the allowance, as a payment does. */
export async function grant(
  user: User,
  featureType: string,
  amount: number,
  expiresAt?: string,
  source: string = crypto.randomUUID(),
): Promise<void> {
  const { error } = await service.rpc("grant_usage", {
    p_user_id: user.id,
    p_feature_type: featureType,
    p_amount: amount,
    p_source_ref: source,
    p_expires_at: expiresAt,
  });
  if (error) throw error;
}

/** All grants of a user, oldest first. */
export async function grantsOf(user: User) {
  const { data, error } = await service.from("usage_grants").select("*").eq("user_id", user.id)
    .order("created_at");
  if (error) throw error;
  return data;
}

/** All rules of a user, oldest first. */
export async function rulesOf(user: User) {
  const { data, error } = await service.from("usage_rules").select("*").eq("user_id", user.id)
    .order("created_at");
  if (error) throw error;
  return data;
}

/** All rules of a team and its members, oldest first. */
export async function rulesOfTeam(poolId: string) {
  const { data, error } = await service.from("usage_rules").select("*").eq("pool_id", poolId)
    .order("created_at");
  if (error) throw error;
  return data;
}

/** Keeps a ledger of a feature, of everybody. Returns what ends it. */
export async function log(featureType: string): Promise<() => Promise<void>> {
  const { data, error } = await service.from("usage_rules")
    .insert({ applies_to: "all", feature_type: featureType, effect: "log" }).select("rule_id").single();
  if (error) throw error;
  return () => removeRule(data.rule_id);
}

/** Gives a user another role in app_metadata; their tokens still have the old one. */
export function setRole(user: User, role: string): void {
  sql(`update auth.users set raw_app_meta_data = '{"role": "${role}"}' where id = '${user.id}'`);
}

/** Runs SQL as the owner of the app. */
export function sql(text: string): void {
  const script =
    'source dev/common.sh; source dev/postgres.sh; source dev/cluster.sh; cluster_psql "$CLUSTER" --dbname app --username postgres --command "$1"';
  execFileSync("bash", ["-c", script, "bash", text], {
    cwd: `${import.meta.dirname}/../../..`,
    stdio: "ignore",
  });
}

/** Stops or starts the database of the stack. */
export function database(action: "start" | "stop"): void {
  const script = `source dev/common.sh; source dev/cluster.sh; cluster_${action} ${setting("CLUSTER")}`;
  execFileSync("bash", ["-c", script], { cwd: `${import.meta.dirname}/../../..`, stdio: "ignore" });
}

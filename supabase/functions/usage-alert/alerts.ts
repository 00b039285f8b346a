// The alerts in the table usage_alerts, and the addresses of their users, or of the members of their pools.
import { HttpError } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";
import { dataOf } from "../_shared/refusal.ts";
import type { Database } from "../_shared/types.ts";

export type Alert = Database["public"]["Tables"]["usage_alerts"]["Row"];

const NOT_READ = "Alerts can't be delivered at the moment.";
const MINUTE_MS = 60_000;

export async function findAlert(supabase: Client, alertId: number): Promise<Alert | null> {
  const answer = await supabase.from("usage_alerts").select("*").eq("alert_id", alertId).maybeSingle();
  return dataOf(answer, NOT_READ);
}

/**
 * The alerts that no webhook has delivered; those of the last minute may be on their way. The newest come
 * first, so that old ones whose mail always fails do not keep them waiting.
 */
export async function overdueAlerts(supabase: Client, most: number): Promise<Alert[]> {
  const answer = await supabase.from("usage_alerts").select("*")
    .is("handled_at", null).lt("created_at", new Date(Date.now() - MINUTE_MS).toISOString())
    .order("alert_id", { ascending: false }).limit(most);
  return dataOf(answer, NOT_READ);
}

export async function markHandled(supabase: Client, alertId: number): Promise<void> {
  const handled = { handled_at: new Date().toISOString() };
  dataOf(
    await supabase.from("usage_alerts").update(handled).eq("alert_id", alertId).is("handled_at", null),
    NOT_READ,
  );
}

/** The address of the user, or those of all members of the pool. */
export async function addressesOf(supabase: Client, alert: Alert): Promise<string[]> {
  const users = alert.user_id ? [alert.user_id] : await membersOf(supabase, alert.pool_id);
  const addresses = await Promise.all(users.map((userId) => addressOf(supabase, userId)));
  return addresses.filter((address) => address !== undefined);
}

async function membersOf(supabase: Client, poolId: string): Promise<string[]> {
  const answer = await supabase.from("usage_pool_members").select("user_id").eq("pool_id", poolId)
    .order("user_id");
  return dataOf(answer, NOT_READ).map(({ user_id }) => user_id);
}

/** Nothing if the user has no address, or is gone. */
async function addressOf(supabase: Client, userId: string): Promise<string | undefined> {
  const { data, error } = await supabase.auth.admin.getUserById(userId);
  if (!error) return data.user.email || undefined;
  if (error.code === "user_not_found") return undefined;
  console.error(JSON.stringify({ event: "auth_error", code: error.code, message: error.message }));
  throw new HttpError(503, `${NOT_READ} Try again later.`);
}

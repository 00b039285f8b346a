// Rules for one user, or for one pool or its members: what changes the limit of the plan, from when until when.
import { z } from "zod";
import { HttpError } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";
import type { EndRequest, OverrideRequest } from "./actions.ts";
import { answered, reference, signed } from "./database.ts";
import { noSuchTeam } from "./owner.ts";

const UNIQUE_VIOLATION = "23505";

const ended = z.object({ rule_id: z.string(), ends_at: z.string(), replayed: z.boolean() });

export async function override(supabase: Client, actor: string, wanted: OverrideRequest) {
  const { applies_to, feature_type, effect, amount, per, every, starts_at, ends_at, reason } = wanted;
  const [user_id, pool_id] = [wanted.user_id ?? null, wanted.pool_id ?? null];
  if (pool_id !== null) await requireTeam(supabase, pool_id, user_id);
  const source_ref = reference(wanted.request_id);
  const terms = { applies_to, user_id, pool_id, amount, per };
  const answer = await supabase.from("usage_rules").insert({
    ...terms,
    feature_type,
    effect,
    every: every === null ? null : `${every} seconds`,
    ...starts_at !== null && { starts_at },
    ends_at,
    reason,
    actor,
    source_ref,
  }).select("rule_id").single();
  if (answer.error?.code !== UNIQUE_VIOLATION) {
    return { rule_id: answered(answer).rule_id, replayed: false };
  }
  const before = answered(
    await supabase.from("usage_rules").select("rule_id, applies_to, user_id, pool_id, amount, per")
      .eq("source_ref", source_ref).eq("feature_type", feature_type).eq("effect", effect).single(),
  );
  const { rule_id, ...made } = before;
  const isForTheSame = made.applies_to === applies_to && made.user_id === user_id && made.pool_id === pool_id;
  if (isForTheSame && made.amount === amount && made.per === per) return { rule_id, replayed: true };
  throw new HttpError(409, "This request has made another override before.", { error_code: "RULE_MISMATCH" });
}

/** The database itself accepts a rule for a pool that does not exist, or for somebody who is no member of it. */
async function requireTeam(supabase: Client, poolId: string, userId: string | null) {
  const found = userId === null
    ? await supabase.from("usage_pools").select("pool_id").eq("pool_id", poolId)
    : await supabase.from("usage_pool_members").select("pool_id").eq("pool_id", poolId).eq("user_id", userId);
  if (answered(found).length > 0) return;
  if (userId === null) throw noSuchTeam();
  throw new HttpError(404, "The team has no such member.", { error_code: "NOT_A_MEMBER" });
}

/** Ends a rule now, or before it begins. Its row stays as the history. */
export async function endRule(supabase: Client, actor: string, wanted: EndRequest) {
  const answer = await supabase.rpc("operator_end_rule", {
    p_user_id: wanted.user_id,
    p_pool_id: wanted.pool_id,
    p_rule_id: wanted.rule_id,
    p_reason: signed(wanted.reason, actor),
  });
  const rule = answered(answer);
  if (rule === null) {
    const who = wanted.pool_id ? "team" : "user";
    throw new HttpError(404, `The ${who} has no such rule.`, { error_code: "UNKNOWN_RULE" });
  }
  return ended.parse(rule);
}

// Rules for one user: what changes the limit of the plan, from when until when.
import { z } from "zod";
import { HttpError } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";
import type { EndRequest, OverrideRequest } from "./actions.ts";
import { answered, reference, signed } from "./database.ts";

const UNIQUE_VIOLATION = "23505";

const ended = z.object({ rule_id: z.string(), ends_at: z.string(), replayed: z.boolean() });

export async function override(supabase: Client, actor: string, wanted: OverrideRequest) {
  const { user_id, feature_type, effect, amount, per, every, starts_at, ends_at, reason } = wanted;
  const source_ref = reference(wanted.request_id);
  const terms = { user_id, amount, per };
  const answer = await supabase.from("usage_rules").insert({
    ...terms,
    applies_to: "user",
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
    await supabase.from("usage_rules").select("rule_id, user_id, amount, per")
      .eq("source_ref", source_ref).eq("feature_type", feature_type).eq("effect", effect).single(),
  );
  const { rule_id, ...made } = before;
  if (made.user_id === user_id && made.amount === amount && made.per === per) {
    return { rule_id, replayed: true };
  }
  throw new HttpError(409, "This request has made another override before.", { error_code: "RULE_MISMATCH" });
}

/** Ends a rule now, or before it begins. Its row stays as the history. */
export async function endRule(supabase: Client, actor: string, wanted: EndRequest) {
  const answer = await supabase.rpc("operator_end_rule", {
    p_user_id: wanted.user_id,
    p_rule_id: wanted.rule_id,
    p_reason: signed(wanted.reason, actor),
  });
  const rule = answered(answer);
  if (rule === null) {
    throw new HttpError(404, "The user has no such rule.", { error_code: "UNKNOWN_RULE" });
  }
  return ended.parse(rule);
}

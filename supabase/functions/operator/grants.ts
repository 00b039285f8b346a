// Granting units to a user or a pool, and ending a grant.
import { z } from "zod";
import { HttpError } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";
import type { GrantRequest, VoidRequest } from "./actions.ts";
import { answered, reference, signed } from "./database.ts";
import { noSuchTeam } from "./owner.ts";

const granted = z.object({
  granted: z.boolean(),
  replayed: z.boolean().default(false),
  /** GRANT_MISMATCH, or UNKNOWN_POOL. */
  error_code: z.string().optional(),
});

const voided = z.object({
  voided: z.boolean(),
  /** What was left of it. */
  forfeited: z.number().optional(),
  replayed: z.boolean().default(false),
});

export async function grantUnits(supabase: Client, actor: string, wanted: GrantRequest) {
  const answer = await supabase.rpc("operator_grant", {
    p_user_id: wanted.user_id,
    p_pool_id: wanted.pool_id,
    p_feature_type: wanted.feature_type,
    p_amount: wanted.amount,
    p_source_ref: reference(wanted.request_id),
    p_reason: wanted.reason,
    p_actor: actor,
    p_expires_at: wanted.expires_at ?? undefined,
  });
  const { error_code, ...result } = granted.parse(answered(answer));
  if (result.granted) return result;
  if (error_code === "UNKNOWN_POOL") throw noSuchTeam();
  throw new HttpError(409, "This request has granted something else before.", {
    error_code: "GRANT_MISMATCH",
  });
}

export async function voidGrant(supabase: Client, actor: string, wanted: VoidRequest) {
  if (wanted.pool_id && !await isOfPool(supabase, wanted.pool_id, wanted)) {
    throw new HttpError(404, "The team has no such grant.", { error_code: "UNKNOWN_GRANT" });
  }
  const answer = await supabase.rpc("void_grant", {
    p_source_ref: wanted.source_ref,
    p_feature_type: wanted.feature_type,
    p_reason: signed(wanted.reason, actor),
    p_user_id: wanted.user_id,
  });
  const result = voided.parse(answered(answer));
  if (result.voided) return result;
  throw new HttpError(404, "The user has no such grant.", { error_code: "UNKNOWN_GRANT" });
}

/** void_grant knows the user of a grant, but not its pool. A grant keeps its pool, so that it can be asked before. */
async function isOfPool(supabase: Client, poolId: string, { source_ref, feature_type }: VoidRequest) {
  const answer = await supabase.from("usage_grants").select("grant_id")
    .eq("pool_id", poolId).eq("source_ref", source_ref).eq("feature_type", feature_type);
  return answered(answer).length > 0;
}

// Granting units to a user, and ending a grant.
import { z } from "zod";
import { HttpError } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";
import type { GrantRequest, VoidRequest } from "./actions.ts";
import { answered, reference, signed } from "./database.ts";

const granted = z.object({ granted: z.boolean(), replayed: z.boolean().default(false) });

const voided = z.object({
  voided: z.boolean(),
  /** What was left of it. */
  forfeited: z.number().optional(),
  replayed: z.boolean().default(false),
});

export async function grantUnits(supabase: Client, actor: string, wanted: GrantRequest) {
  const answer = await supabase.rpc("operator_grant", {
    p_user_id: wanted.user_id,
    p_feature_type: wanted.feature_type,
    p_amount: wanted.amount,
    p_source_ref: reference(wanted.request_id),
    p_reason: wanted.reason,
    p_actor: actor,
    p_expires_at: wanted.expires_at ?? undefined,
  });
  const result = granted.parse(answered(answer));
  if (result.granted) return result;
  throw new HttpError(409, "This request has granted something else before.", {
    error_code: "GRANT_MISMATCH",
  });
}

export async function voidGrant(supabase: Client, actor: string, wanted: VoidRequest) {
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

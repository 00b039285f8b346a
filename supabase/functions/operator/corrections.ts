// Correcting a count of the current period: a user's own, or a member's part and with it the pool's total.
import { z } from "zod";
import { HttpError } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";
import type { CorrectRequest } from "./actions.ts";
import { answered, reference, signed } from "./database.ts";
import { noSuchTeam } from "./owner.ts";

const corrected = z.object({
  corrected: z.boolean(),
  current_usage: z.number().optional(),
  overage: z.number().optional(),
  replayed: z.boolean().default(false),
  /** EXCEEDS_USAGE, IDEMPOTENCY_MISMATCH, or UNKNOWN_POOL. */
  error_code: z.string().optional(),
  reason: z.string().optional(),
});

export async function correct(supabase: Client, actor: string, wanted: CorrectRequest) {
  const answer = await supabase.rpc("correct_usage", {
    p_user_id: wanted.user_id,
    p_pool_id: wanted.pool_id,
    p_feature_type: wanted.feature_type,
    p_amount: wanted.amount,
    p_reason: signed(wanted.reason, actor),
    p_idempotency_key: reference(wanted.request_id),
  });
  const { error_code, reason, ...result } = corrected.parse(answered(answer));
  if (result.corrected) return result;
  if (error_code === "UNKNOWN_POOL") throw noSuchTeam();
  throw new HttpError(409, reason ?? "The count was not corrected.", { error_code });
}

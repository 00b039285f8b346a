// Units beside the allowance: grants of payments, their end, and what a period has left over. Each call does
// its work once, however often it is repeated. If the database does not answer, they throw a 503.
import { z } from "zod";
import type { Client } from "./limitChecker.ts";
import { dataOf } from "./refusal.ts";

const granted = z.object({
  granted: z.boolean(),
  replayed: z.boolean().default(false),
  /** GRANT_MISMATCH: something else has been granted for this source. */
  error_code: z.string().optional(),
});

const voided = z.object({
  voided: z.boolean(),
  replayed: z.boolean().default(false),
  /** UNKNOWN_GRANT: nothing has been granted for this source. */
  error_code: z.string().optional(),
});

const carried = z.object({ carried: z.number(), replayed: z.boolean().default(false) });

const period = z.object({ period: z.string() });

/** Grants units once per source, such as a payment. */
export async function grant(
  supabase: Client,
  userId: string,
  featureType: string,
  units: number,
  sourceRef: string,
) {
  const answer = await supabase.rpc("grant_usage", {
    p_user_id: userId,
    p_feature_type: featureType,
    p_amount: units,
    p_source_ref: sourceRef,
  });
  return granted.parse(dataOf(answer, "Nothing can be granted at the moment."));
}

/** Ends all grants of a source. What is used of them stays used. */
export async function voidGrants(supabase: Client, sourceRef: string, reason: string) {
  const answer = await supabase.rpc("void_grant", { p_source_ref: sourceRef, p_reason: reason });
  return voided.parse(dataOf(answer, "Nothing can be voided at the moment."));
}

/** Grants what is left of the allowance of a period that is over, until the end of the current one. */
export async function carryOver(
  supabase: Client,
  userId: string,
  featureType: string,
  periodKey: string,
  most: number,
) {
  const answer = await supabase.rpc("carry_over_usage", {
    p_user_id: userId,
    p_feature_type: featureType,
    p_period: periodKey,
    p_max: most,
  });
  return carried.parse(dataOf(answer, "Nothing can be carried over at the moment."));
}

/** The key of the user's period at an instant: only the database knows their time zone and billing date. */
export async function periodAt(
  supabase: Client,
  userId: string,
  featureType: string,
  at: Date,
): Promise<string> {
  const answer = await supabase.rpc("usage_period", {
    p_user_id: userId,
    p_feature_type: featureType,
    p_at: at.toISOString(),
  });
  return period.parse(dataOf(answer)).period;
}

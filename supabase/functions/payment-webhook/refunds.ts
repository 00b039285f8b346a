// A payment that was refunded in full ends its grant: what is used stays used, what is left is forfeited.
import { z } from "zod";
import { voidGrants } from "../_shared/grants.ts";
import { HttpError, parsed } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";

const charge = z.object({
  /** Whether all of it was refunded. */
  refunded: z.boolean(),
  payment_intent: z.string().nullish(),
  /** A copy of the payment's. */
  metadata: z.object({ pack: z.string().optional() }).nullish(),
});

export async function voidRefunded(supabase: Client, refund: unknown) {
  const { refunded, payment_intent, metadata } = parsed(refund, charge, 422);
  if (!payment_intent) return { ignored: "The charge has no payment intent." };
  if (!refunded) {
    // How many units that is, only a person can say: they void the grant, and grant what remains.
    console.error(JSON.stringify({ event: "partial_refund", payment_intent }));
    return { ignored: "A part was refunded: the grant stays." };
  }
  // What was left to the user when a part of the payment had been refunded before.
  await voidGrants(supabase, `${payment_intent}:rest`, "refunded");
  const { voided, replayed } = await voidGrants(supabase, payment_intent, "refunded");
  if (voided) return { voided, replayed };
  if (metadata?.pack === undefined) return { ignored: "Nothing has been granted for this payment." };
  // The refund has overtaken the payment. Stripe sends it again, and the grant ends after it was made.
  throw new HttpError(409, "The pack is not granted yet.", { error_code: "UNKNOWN_GRANT" });
}

// A pack that was paid, in Checkout or by an automatic top-up, is granted once per payment. A payment may
// be announced by events of both kinds; they grant the same.
import { z } from "zod";
import { grant } from "../_shared/grants.ts";
import { HttpError, parsed, uuid } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";
import { type Pack, packOf } from "./packs.ts";

/** The keys that our server has set when it made the payment. */
const metadata = z.object({ pack: z.string().optional(), user_id: z.string().optional() }).nullish();

const checkout = z.object({
  mode: z.string(),
  payment_status: z.string(),
  payment_intent: z.string().nullish(),
  client_reference_id: z.string().nullish(),
  metadata,
});

const paymentIntent = z.object({ id: z.string(), metadata });

export async function grantCheckout(supabase: Client, session: unknown) {
  const { mode, payment_status, payment_intent, client_reference_id, metadata } = parsed(
    session,
    checkout,
    422,
  );
  if (mode !== "payment") return { ignored: "The session is not a payment." };
  // Of a payment that takes days, the event checkout.session.async_payment_succeeded tells the success.
  if (payment_status !== "paid" || !payment_intent) return { ignored: "Nothing has been paid." };
  return await grantPack(supabase, client_reference_id, metadata?.pack, payment_intent);
}

/** The payment of a saved card. Those without a pack are not for this function: a subscription's, for example. */
export async function grantTopUp(supabase: Client, payment: unknown) {
  const { id, metadata } = parsed(payment, paymentIntent, 422);
  if (metadata?.pack === undefined) return { ignored: "The payment names no pack." };
  return await grantPack(supabase, metadata.user_id, metadata.pack, id);
}

async function grantPack(
  supabase: Client,
  userId: string | null | undefined,
  packName: string | undefined,
  paymentIntentId: string,
) {
  const { feature_type, units } = paidPack(packName);
  const user_id = parsed({ user_id: userId }, z.object({ user_id: uuid }), 422).user_id;
  const { granted, replayed, error_code } = await grant(
    supabase,
    user_id,
    feature_type,
    units,
    paymentIntentId,
  );
  if (!granted) throw new HttpError(409, "Something else has been granted for this payment.", { error_code });
  return { granted: units, feature_type, replayed };
}

/**
 * A paid pack that is not sold here is a mistake of ours, and somebody has paid for it. With a 422, Stripe shows
 * the failure and sends the event again: once the table has the pack, it is granted.
 */
function paidPack(name: string | undefined): Pack {
  const pack = packOf(name);
  if (pack) return pack;
  console.error(JSON.stringify({ event: "unknown_pack", pack: name }));
  throw new HttpError(422, "There is no such pack.", { error_code: "UNKNOWN_PACK" });
}

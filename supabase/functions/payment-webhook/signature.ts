// Checks that an event is from Stripe, and recent: anybody can call the address of a webhook.
import Stripe from "stripe";
import { HttpError } from "../_shared/http.ts";
import { setting } from "../_shared/setting.ts";

const TOLERANCE_SECONDS = 5 * 60;

const crypto = Stripe.createSubtleCryptoProvider();

/** Throws a 400 unless the body is signed with the webhook's secret, at most five minutes ago. */
export async function verifiedEvent(body: string, signature: string | null): Promise<Stripe.Event> {
  const secret = setting("STRIPE_WEBHOOK_SECRET");
  if (!signature) throw new HttpError(400, "The header Stripe-Signature is missing.");
  try {
    return await Stripe.webhooks.constructEventAsync(body, signature, secret, TOLERANCE_SECONDS, crypto);
  } catch (error) {
    console.error(JSON.stringify({ event: "event_refused", message: String(error) }));
    throw new HttpError(400, "The signature is wrong or too old.");
  }
}

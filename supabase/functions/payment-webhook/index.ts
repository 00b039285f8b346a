// POST, by Stripe: payments become grants. A credit pack that was paid is granted, what a paid renewal leaves
// over is carried into the new period, and a refund ends the grant. Stripe sends an event until it is
// answered with 2xx, for up to three days, also twice and in any order; each does its work once.
import { json, readText, servePost } from "../_shared/http.ts";
import { serviceClient } from "../_shared/serviceClient.ts";
import { grantCheckout, grantTopUp } from "./purchases.ts";
import { voidRefunded } from "./refunds.ts";
import { carryRenewal } from "./renewals.ts";
import { verifiedEvent } from "./signature.ts";

const MAX_EVENT = 256 * 1024;

const supabase = serviceClient();

servePost(async (request) => {
  const { type, data } = await verifiedEvent(
    await readText(request, MAX_EVENT),
    request.headers.get("Stripe-Signature"),
  );
  switch (type) {
    case "checkout.session.completed":
    case "checkout.session.async_payment_succeeded":
      return json(200, await grantCheckout(supabase, data.object));
    case "payment_intent.succeeded":
      return json(200, await grantTopUp(supabase, data.object));
    case "invoice.paid":
      return json(200, await carryRenewal(supabase, data.object));
    case "charge.refunded":
      return json(200, await voidRefunded(supabase, data.object));
    default:
      return json(200, { ignored: `Events of type ${type} are not for this function.` });
  }
});

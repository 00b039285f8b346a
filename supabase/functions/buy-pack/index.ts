// POST {user_id, pack, purchase_id}: a signed-in user buys a pack, without paying. This is for a local stack,
// where PLANS_WITHOUT_PAYMENT is true. A real app never sets that: there, Stripe tells payment-webhook that a
// session of Checkout is paid. Here, such a session is made up, and granted by the same code. Repeating a
// request with its purchase_id grants nothing more.
import { z } from "zod";
import { actingFor, authenticate } from "../_shared/caller.ts";
import { HttpError, json, readBody, servePost, uuid, words } from "../_shared/http.ts";
import { serviceClient } from "../_shared/serviceClient.ts";
import { packOf } from "../payment-webhook/packs.ts";
import { grantCheckout } from "../payment-webhook/purchases.ts";

const purchaseRequest = z.object({ user_id: uuid, pack: words.max(100), purchase_id: uuid });
type Purchase = z.infer<typeof purchaseRequest>;

const withoutPayment = Deno.env.get("PLANS_WITHOUT_PAYMENT") === "true";
const supabase = serviceClient();

servePost(async (request) => {
  const caller = await authenticate(request);
  const purchase = await readBody(request, purchaseRequest);
  actingFor(caller, purchase.user_id);
  if (!withoutPayment) {
    throw new HttpError(403, "A pack is yours after its payment.", { error_code: "PAYMENT_REQUIRED" });
  }
  if (!packOf(purchase.pack)) {
    throw new HttpError(400, "There is no such pack.", { error_code: "UNKNOWN_PACK" });
  }
  return json(200, await grantCheckout(supabase, paidSession(purchase)));
});

/** A session of Checkout, as Stripe sends it after a payment. */
const paidSession = ({ user_id, pack, purchase_id }: Purchase) => ({
  mode: "payment",
  payment_status: "paid",
  payment_intent: `local_${purchase_id}`,
  client_reference_id: user_id,
  metadata: { pack },
});

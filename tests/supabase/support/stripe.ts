// Stands for Stripe: signs events, and delivers them to the edge function payment-webhook.
import Stripe from "stripe";
import { type Answer, send, setting } from "./stack.ts";

interface Signing {
  secret?: string;
  /** When it was signed, in seconds. */
  timestamp?: number;
}

/** The body of an event, as Stripe would send it. */
export const eventBody = (type: string, object: Record<string, unknown>): string =>
  JSON.stringify({ id: `evt_${crypto.randomUUID()}`, object: "event", type, data: { object } }, null, 2);

export const signature = (payload: string, options: Signing = {}): Promise<string> =>
  Stripe.webhooks.generateTestHeaderStringAsync({
    payload,
    secret: setting("STRIPE_WEBHOOK_SECRET"),
    cryptoProvider: Stripe.createSubtleCryptoProvider(),
    ...options,
  });

export async function deliver(type: string, object: Record<string, unknown>): Promise<Answer> {
  const body = eventBody(type, object);
  return await deliverSigned(body, await signature(body));
}

export const deliverSigned = (body: string, header?: string): Promise<Answer> =>
  send("payment-webhook", { method: "POST", body, headers: header ? { "Stripe-Signature": header } : {} });

export const newPaymentId = (): string => `pi_${crypto.randomUUID().replaceAll("-", "")}`;

/** A session of Checkout in which a user has paid a pack. */
export const checkout = (userId: unknown, payment: string, more: Record<string, unknown> = {}) => ({
  id: `cs_${payment}`,
  object: "checkout.session",
  mode: "payment",
  payment_status: "paid",
  payment_intent: payment,
  client_reference_id: userId,
  metadata: { pack: "images_100" },
  ...more,
});

/** The paid invoice of a renewal; the period that has ended began then. */
export const renewal = (userId: unknown, periodStart: Date, more: Record<string, unknown> = {}) => ({
  id: `in_${crypto.randomUUID()}`,
  object: "invoice",
  billing_reason: "subscription_cycle",
  status: "paid",
  period_start: Math.floor(periodStart.getTime() / 1000),
  period_end: Math.floor(Date.now() / 1000),
  parent: { type: "subscription_details", subscription_details: { metadata: { user_id: userId } } },
  ...more,
});

/** A charge, of which so much was refunded. */
export const refund = (payment: string, refunded: number, more: Record<string, unknown> = {}) => ({
  id: `ch_${payment}`,
  object: "charge",
  amount: 1000,
  amount_refunded: refunded,
  refunded: refunded === 1000,
  payment_intent: payment,
  metadata: {},
  ...more,
});

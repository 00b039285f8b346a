// The edge function payment-webhook: each payment is granted once, and nothing without one.
import assert from "node:assert/strict";
import { newUser, sql } from "./support/database.ts";
import { service } from "./support/stack.ts";
import {
  checkout,
  deliver,
  deliverSigned,
  eventBody,
  newPaymentId,
  refund,
  renewal,
  signature,
} from "./support/stripe.ts";

const COMPLETED = "checkout.session.completed";
const TOP_UP = "payment_intent.succeeded";
const RENEWED = "invoice.paid";
const REFUNDED = "charge.refunded";

/** What has been granted to a user: feature, amount, source, and whether it is void. */
const grantsOf = (userId: string) =>
  sql(`select feature_type, amount, source_ref, voided_at is not null from usage_grants
        where user_id = '${userId}' order by created_at`);

const pack = (payment: string) => `image_generation|100|${payment}|f`;

Deno.test("a pack that was paid is granted, and used after the allowance", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  const { status, body } = await deliver(COMPLETED, checkout(userId, payment));
  assert.deepEqual([status, body], [
    200,
    { granted: 100, feature_type: "image_generation", replayed: false },
  ]);
  assert.deepEqual(await grantsOf(userId), [pack(payment)]);
  const { data } = await service().rpc("consume_feature", {
    p_user_id: userId,
    p_feature_type: "image_generation",
    p_amount: 5,
  });
  const { allowed, remaining } = data as { allowed: boolean; remaining: number };
  assert.deepEqual([allowed, remaining], [true, 98]);
});

Deno.test("an event that is repeated, and another one of the same payment, grant nothing more, and say so", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  const body = eventBody(COMPLETED, checkout(userId, payment));
  const answers = [];
  for (let delivery = 0; delivery < 3; delivery++) {
    answers.push(await deliverSigned(body, await signature(body)));
  }
  answers.push(await deliver("checkout.session.async_payment_succeeded", checkout(userId, payment)));
  const metadata = { pack: "images_100", user_id: userId };
  answers.push(await deliver(TOP_UP, { id: payment, object: "payment_intent", metadata }));
  assert.deepEqual(answers.map(({ status, body }) => [status, body.replayed]), [
    [200, false],
    ...Array(4).fill([200, true]),
  ]);
  assert.deepEqual(await grantsOf(userId), [pack(payment)]);
});

Deno.test("64 deliveries at once: one grant, and 63 repetitions", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  const body = eventBody(COMPLETED, checkout(userId, payment));
  const header = await signature(body);
  const answers = await Promise.all(Array.from({ length: 64 }, () => deliverSigned(body, header)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(answers.filter(({ body }) => body.replayed).length, 63);
  assert.deepEqual(await grantsOf(userId), [pack(payment)]);
});

Deno.test("a wrong, missing or old signature, or another body: 400, and nothing is granted", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  const body = eventBody(COMPLETED, checkout(userId, payment));
  const now = Math.floor(Date.now() / 1000);
  const good = await signature(body);
  const refused: [string, string | undefined][] = [
    [body, undefined],
    [body, ""],
    [body, "t=1,v1=00"],
    [body, good.replace(/v1=./, (start) => start === "v1=0" ? "v1=1" : "v1=0")],
    [body, good.replace("v1=", "v0=")],
    [body, good.replace(/t=\d+/, `t=${now + 1}`)],
    [body, await signature(body, { secret: "whsec_of_somebody_else" })],
    [body, await signature(body, { timestamp: now - 301 })],
    [body.replace("images_100", "voice_hour"), good],
    [`${body} `, good],
  ];
  for (const [sent, header] of refused) {
    const { status, body } = await deliverSigned(sent, header);
    assert.equal(status, 400, header);
    assert.match(body.error, /signature|Stripe-Signature/);
  }
  assert.deepEqual(await grantsOf(userId), []);
  // Within the tolerance, the same event is accepted.
  assert.equal((await deliverSigned(body, await signature(body, { timestamp: now - 290 }))).status, 200);
  assert.deepEqual(await grantsOf(userId), [pack(payment)]);
});

Deno.test("a body of 256 KiB is the longest", async () => {
  const body = eventBody("customer.created", { note: "a".repeat(256 * 1024) });
  assert.equal((await deliverSigned(body, await signature(body))).status, 413);
});

Deno.test("a session that is not paid, or not a payment, grants nothing", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  const others = [
    { payment_status: "unpaid" },
    { payment_status: "no_payment_required", payment_intent: null },
    { mode: "subscription" },
    { mode: "setup", payment_status: "no_payment_required", payment_intent: null },
  ];
  for (const more of others) {
    const { status, body } = await deliver(COMPLETED, checkout(userId, payment, more));
    assert.equal(status, 200);
    assert.ok(body.ignored);
  }
  assert.deepEqual(await grantsOf(userId), []);
});

Deno.test("a payment that takes days is granted when it succeeds", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  await deliver(COMPLETED, checkout(userId, payment, { payment_status: "unpaid" }));
  assert.deepEqual(await grantsOf(userId), []);
  await deliver("checkout.session.async_payment_succeeded", checkout(userId, payment));
  assert.deepEqual(await grantsOf(userId), [pack(payment)]);
});

Deno.test("how much a pack is, only the server says", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  const metadata = { pack: "voice_hour", units: "1000000", amount: "1000000", feature_type: "chat" };
  await deliver(COMPLETED, checkout(userId, payment, { metadata, amount_total: 1, units: 1_000_000 }));
  assert.deepEqual(await grantsOf(userId), [`voice_seconds|3600|${payment}|f`]);
});

Deno.test("a pack that is not sold: 422, so that Stripe shows it and tries again", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  for (const metadata of [{ pack: "images_1000" }, { pack: "constructor" }, { pack: "" }, {}, null]) {
    const { status, body } = await deliver(COMPLETED, checkout(userId, payment, { metadata }));
    assert.deepEqual([status, body], [422, { error: "There is no such pack.", error_code: "UNKNOWN_PACK" }]);
  }
  assert.deepEqual(await grantsOf(userId), []);
});

Deno.test("a user who does not exist: 404; none, or one that is no id: 422", async () => {
  const nobody = await deliver(COMPLETED, checkout(crypto.randomUUID(), newPaymentId()));
  assert.deepEqual([nobody.status, nobody.body.error], [404, "There is no such user."]);
  for (const id of [null, undefined, "", "alice", 7]) {
    const { status, body } = await deliver(COMPLETED, checkout(id, newPaymentId()));
    assert.equal(status, 422);
    assert.match(body.error, /^(user_id|client_reference_id): /);
  }
});

Deno.test("one payment is not granted to two users: 409", async () => {
  const [userId, other, payment] = [await newUser(), await newUser(), newPaymentId()];
  await deliver(COMPLETED, checkout(userId, payment));
  const { status, body } = await deliver(COMPLETED, checkout(other, payment));
  assert.deepEqual([status, body.error_code], [409, "GRANT_MISMATCH"]);
  assert.deepEqual([await grantsOf(userId), await grantsOf(other)], [[pack(payment)], []]);
});

Deno.test("an automatic top-up is granted once; a payment without a pack is not for this function", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  const topUp = (metadata: Record<string, string>) =>
    deliver(TOP_UP, { id: payment, object: "payment_intent", status: "succeeded", metadata });
  assert.ok((await topUp({})).body.ignored);
  assert.equal((await topUp({ pack: "images_100" })).status, 422);
  assert.deepEqual(await grantsOf(userId), []);
  for (const replayed of [false, true]) {
    const { status, body } = await topUp({ pack: "images_100", user_id: userId });
    assert.deepEqual([status, body.replayed], [200, replayed]);
  }
  assert.deepEqual(await grantsOf(userId), [pack(payment)]);
});

Deno.test("an event of another type is ignored, and the answer says so", async () => {
  for (const type of ["customer.created", "checkout.session.expired", "payment_intent.payment_failed"]) {
    const { status, body } = await deliver(type, checkout(await newUser(), newPaymentId()));
    assert.deepEqual([status, body], [200, { ignored: `Events of type ${type} are not for this function.` }]);
  }
});

const monthAgo = () => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 15));
};
const monthKey = (date: Date) => date.toISOString().slice(0, 7);

async function useInsights(userId: string, amount: number, period: string): Promise<void> {
  const call = { p_user_id: userId, p_count: amount, p_period: period };
  assert.equal((await service().rpc("increment_insights_count", call)).error, null);
}

Deno.test("a paid renewal carries over what is left, up to the maximum, once", async () => {
  const cases = [[0, 5], [7, 3], [10, 0]];
  for (const [used, left] of cases) {
    const userId = await newUser("growth");
    const period = monthKey(monthAgo());
    await useInsights(userId, used, period);
    for (const replayed of [false, left > 0]) {
      const { status, body } = await deliver(RENEWED, renewal(userId, monthAgo()));
      assert.equal(status, 200);
      assert.deepEqual(body, { carried: [{ feature_type: "insights", period, carried: left, replayed }] });
    }
    const expected = left ? [`insights|${left}|carry:${userId}:insights:${period}|f`] : [];
    assert.deepEqual(await grantsOf(userId), expected);
  }
});

Deno.test("64 deliveries of a renewal at once carry over once", async () => {
  const userId = await newUser("growth");
  const invoice = renewal(userId, monthAgo());
  const answers = await Promise.all(Array.from({ length: 64 }, () => deliver(RENEWED, invoice)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(answers.filter(({ body }) => body.carried[0].replayed).length, 63);
  assert.equal((await grantsOf(userId)).length, 1);
});

Deno.test("the first invoice, and other ones, carry nothing over", async () => {
  const userId = await newUser("growth");
  for (const billing_reason of ["subscription_create", "subscription_update", "manual", null]) {
    const { status, body } = await deliver(RENEWED, renewal(userId, monthAgo(), { billing_reason }));
    assert.deepEqual([status, body], [200, { ignored: "The invoice is not of a renewal." }]);
  }
  assert.deepEqual(await grantsOf(userId), []);
});

Deno.test("of an unlimited feature, nothing is left over", async () => {
  const userId = await newUser("premium");
  const { status, body } = await deliver(RENEWED, renewal(userId, monthAgo()));
  assert.deepEqual([status, body.carried[0].carried], [200, 0]);
  assert.deepEqual(await grantsOf(userId), []);
});

Deno.test("a renewal that arrives before the plan is active again: 409, and later it is carried over", async () => {
  const userId = await newUser("growth");
  await sql(`update user_plans set is_active = false, status = 'past_due' where user_id = '${userId}'`);
  const early = await deliver(RENEWED, renewal(userId, monthAgo()));
  assert.deepEqual([early.status, early.body.error_code], [409, "NO_SUBSCRIPTION"]);
  await sql(`update user_plans set is_active = true, status = 'active' where user_id = '${userId}'`);
  const { status, body } = await deliver(RENEWED, renewal(userId, monthAgo()));
  assert.deepEqual([status, body.carried[0].carried], [200, 5]);
});

Deno.test("a renewal without a user: 422; of a period that is not over: 503; neither grants anything", async () => {
  for (const parent of [null, undefined, {}, { subscription_details: { metadata: {} } }]) {
    const { status } = await deliver(RENEWED, renewal("", monthAgo(), { parent }));
    assert.equal(status, 422);
  }
  const userId = await newUser("growth");
  const now = await deliver(RENEWED, renewal(userId, new Date()));
  assert.equal(now.status, 503);
  assert.deepEqual(await grantsOf(userId), []);
});

Deno.test("a refund in full voids the pack, once; what is used stays used", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  await deliver(COMPLETED, checkout(userId, payment));
  const consume = () =>
    service().rpc("consume_feature", {
      p_user_id: userId,
      p_feature_type: "image_generation",
      p_amount: 5,
    });
  assert.equal(((await consume()).data as { allowed: boolean }).allowed, true);
  for (const replayed of [false, true]) {
    const { status, body } = await deliver(REFUNDED, refund(payment, 1000));
    assert.deepEqual([status, body], [200, { voided: true, replayed }]);
  }
  const rows = await sql(`select used, voided_at is not null, reason from usage_grants
                           where source_ref = '${payment}'`);
  assert.deepEqual(rows, ["2|t|voided: refunded"]);
  assert.equal(((await consume()).data as { allowed: boolean }).allowed, false);
  // The payment's event comes again, and revives nothing.
  assert.equal((await deliver(COMPLETED, checkout(userId, payment))).body.replayed, true);
  assert.equal(((await consume()).data as { allowed: boolean }).allowed, false);
});

Deno.test("a refund of a part changes no grant, and says so", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  await deliver(COMPLETED, checkout(userId, payment));
  const { status, body } = await deliver(REFUNDED, refund(payment, 400));
  assert.deepEqual([status, body], [200, { ignored: "A part was refunded: the grant stays." }]);
  assert.deepEqual(await grantsOf(userId), [pack(payment)]);
});

Deno.test("after a refund of a part, one of the whole voids what was left as well", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  await deliver(COMPLETED, checkout(userId, payment));
  // As docs/credits.md says.
  await sql(`begin; select void_grant('${payment}', 'image_generation', 'refunded in part');
    select grant_usage('${userId}', 'image_generation', 58, '${payment}:rest'); commit`);
  assert.deepEqual((await deliver(REFUNDED, refund(payment, 1000))).body, { voided: true, replayed: true });
  assert.deepEqual(await grantsOf(userId), [
    `image_generation|100|${payment}|t`,
    `image_generation|58|${payment}:rest|t`,
  ]);
});

Deno.test("a refund that overtakes its payment: 409 until the pack is granted, then it is voided", async () => {
  const [userId, payment] = [await newUser(), newPaymentId()];
  const refunded = () => deliver(REFUNDED, refund(payment, 1000, { metadata: { pack: "images_100" } }));
  const early = await refunded();
  assert.deepEqual([early.status, early.body.error_code], [409, "UNKNOWN_GRANT"]);
  await deliver(COMPLETED, checkout(userId, payment));
  assert.deepEqual((await refunded()).body, { voided: true, replayed: false });
});

Deno.test("a refund of something else is ignored", async () => {
  for (const payment_intent of [newPaymentId(), null]) {
    const { status, body } = await deliver(REFUNDED, { ...refund("", 1000), payment_intent });
    assert.equal(status, 200);
    assert.ok(body.ignored);
  }
});

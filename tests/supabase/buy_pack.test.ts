// The edge function buy-pack: on a local stack, a signed-in user buys a pack for themselves, once per purchase.
import assert from "node:assert/strict";
import { signToken } from "../../dev/stack/token.ts";
import { newUser, sql } from "./support/database.ts";
import { postWithPayment } from "./support/function.ts";
import { anonKey, post, serviceKey, userToken } from "./support/stack.ts";
import { deliver, refund } from "./support/stripe.ts";

const grantsOf = (userId: string) =>
  sql(`select feature_type, amount, source_ref, voided_at is not null from usage_grants
        where user_id = '${userId}' order by created_at`);

const newPurchase = (user_id: string, pack = "images_100") => ({
  user_id,
  pack,
  purchase_id: crypto.randomUUID(),
});

Deno.test("a signed-in user buys a pack, which is granted as a payment is", async () => {
  const userId = await newUser();
  const purchase = newPurchase(userId);
  const { status, body } = await post("buy-pack", purchase, await userToken(userId));
  assert.deepEqual([status, body], [
    200,
    { granted: 100, feature_type: "image_generation", replayed: false },
  ]);
  const payment = `local_${purchase.purchase_id}`;
  assert.deepEqual(await grantsOf(userId), [`image_generation|100|${payment}|f`]);
  // The same source: a refund ends it.
  const refunded = await deliver("charge.refunded", refund(payment, 1000));
  assert.deepEqual([refunded.status, refunded.body], [200, { voided: true, replayed: false }]);
  assert.deepEqual(await grantsOf(userId), [`image_generation|100|${payment}|t`]);
});

Deno.test("a purchase that is repeated, also 16 times at once, grants nothing more; another one does", async () => {
  const userId = await newUser();
  const bearer = await userToken(userId);
  const purchase = newPurchase(userId, "voice_hour");
  const answers = await Promise.all(Array.from({ length: 16 }, () => post("buy-pack", purchase, bearer)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(answers.filter(({ body }) => !body.replayed).length, 1);
  assert.equal((await grantsOf(userId)).length, 1);
  assert.equal((await post("buy-pack", newPurchase(userId, "voice_hour"), bearer)).status, 200);
  assert.equal((await grantsOf(userId)).length, 2);
});

Deno.test("the same purchase of another pack, or by another user: 409, and nothing is granted", async () => {
  const [userId, other] = [await newUser(), await newUser()];
  const purchase = newPurchase(userId);
  const bearer = await userToken(userId);
  await post("buy-pack", purchase, bearer);
  const stolen = await post("buy-pack", { ...purchase, user_id: other }, await userToken(other));
  assert.deepEqual([stolen.status, stolen.body.error_code], [409, "GRANT_MISMATCH"]);
  assert.deepEqual([(await grantsOf(userId)).length, await grantsOf(other)], [1, []]);
});

Deno.test("a pack that is not sold, and bad input: 400, and nothing is granted", async () => {
  const userId = await newUser();
  const bearer = await userToken(userId);
  const good = newPurchase(userId);
  const bodies: [unknown, RegExp][] = [
    ["", /not JSON/],
    [null, /expected object/],
    [{ ...good, pack: "images_1000" }, /^There is no such pack\.$/],
    [{ ...good, pack: "constructor" }, /^There is no such pack\.$/],
    [{ ...good, pack: "" }, /^pack: /],
    [{ ...good, pack: ["images_100"] }, /^pack: /],
    [{ ...good, purchase_id: undefined }, /^purchase_id: /],
    [{ ...good, purchase_id: "1" }, /^purchase_id: /],
    [{ ...good, user_id: "me" }, /^user_id: /],
  ];
  for (const [body, message] of bodies) {
    const answer = await post("buy-pack", body, bearer);
    assert.equal(answer.status, 400);
    assert.match(answer.body.error, message);
  }
  assert.deepEqual(await grantsOf(userId), []);
});

Deno.test("another user's id: 403; no token, the anon key or a forged token: 401; nobody is granted anything", async () => {
  const [userId, other] = [await newUser(), await newUser()];
  const body = newPurchase(other);
  const forged = await signToken("another-secret-of-32-bytes-or-more", "authenticated", { userId: other });
  assert.equal((await post("buy-pack", body, await userToken(userId))).status, 403);
  for (const bearer of [undefined, anonKey, forged]) {
    assert.equal((await post("buy-pack", body, bearer)).status, 401);
  }
  assert.deepEqual(await grantsOf(other), []);
  const nobody = await post("buy-pack", newPurchase(crypto.randomUUID()), serviceKey);
  assert.deepEqual([nobody.status, nobody.body.error], [404, "There is no such user."]);
});

for (const value of [undefined, "", "false", "1"]) {
  Deno.test(`with PLANS_WITHOUT_PAYMENT=${value}, nobody has a pack without a payment: 403`, async () => {
    const userId = await newUser();
    const { status, body } = await postWithPayment(
      "buy-pack",
      value,
      newPurchase(userId),
      await userToken(userId),
    );
    assert.deepEqual([status, body], [403, {
      error: "A pack is yours after its payment.",
      error_code: "PAYMENT_REQUIRED",
    }]);
    assert.deepEqual(await grantsOf(userId), []);
  });
}

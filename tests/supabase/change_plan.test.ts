// The edge function change-plan: on a local stack, a signed-in user changes their own plan.
import assert from "node:assert/strict";
import { signToken } from "../../dev/stack/token.ts";
import { newUser, sql } from "./support/database.ts";
import { postWithPayment } from "./support/function.ts";
import { anonKey, post, serviceKey, signedIn, userToken } from "./support/stack.ts";

const planOf = (userId: string) =>
  sql(`select plan_id, is_active, status from user_plans where user_id = '${userId}'`);

Deno.test("a signed-in user changes their plan, to and fro, and its limits apply", async () => {
  const userId = await newUser();
  const change = async (plan_id: string) =>
    await post("change-plan", { user_id: userId, plan_id }, await userToken(userId));
  const growth = await change("growth");
  assert.deepEqual([growth.status, growth.body], [200, { plan_id: "growth", plan_name: "Growth" }]);
  assert.deepEqual(await planOf(userId), ["growth|t|active"]);
  const { data } = await signedIn(userId).rpc("check_feature_limit", {
    p_user_id: userId,
    p_feature_type: "image_generation",
  });
  assert.equal((data as { limit: number }).limit, 10);
  const free = await change("free");
  assert.deepEqual([free.status, free.body], [200, { plan_id: "free", plan_name: "Free" }]);
  assert.deepEqual(await planOf(userId), ["free|t|active"]);
});

Deno.test("the server may change the plan of any existing user", async () => {
  const userId = await newUser();
  const { status } = await post("change-plan", { user_id: userId, plan_id: "premium" }, serviceKey);
  assert.equal(status, 200);
  assert.deepEqual(await planOf(userId), ["premium|t|active"]);
  const nobody = await post("change-plan", { user_id: crypto.randomUUID(), plan_id: "premium" }, serviceKey);
  assert.equal(nobody.status, 404);
});

Deno.test("no change of plans forgets when the trial ended", async () => {
  const userId = await newUser();
  await sql(
    `insert into user_plans (user_id, plan_id, trial_end_date) values ('${userId}', 'free', '2025-01-31')`,
  );
  for (const plan_id of ["free", "growth", "free"]) {
    const { status } = await post("change-plan", { user_id: userId, plan_id }, await userToken(userId));
    assert.equal(status, 200);
  }
  const { data } = await signedIn(userId).rpc("check_feature_limit", {
    p_user_id: userId,
    p_feature_type: "image_generation",
  });
  assert.equal((data as { error_code: string }).error_code, "TRIAL_EXPIRED");
});

Deno.test("an unknown plan and an inactive one: 400, and the plan stays", async () => {
  const userId = await newUser("growth");
  const bearer = await userToken(userId);
  await sql("insert into plan_limits (plan_id, plan_name, is_active) values ('old', 'Old', false)");
  try {
    for (const plan_id of ["gold", "old", "Growth", "' or true --", "%"]) {
      const { status, body } = await post("change-plan", { user_id: userId, plan_id }, bearer);
      assert.deepEqual(
        [status, body],
        [400, { error: "There is no such plan.", error_code: "UNKNOWN_PLAN" }],
        plan_id,
      );
    }
  } finally {
    await sql("delete from plan_limits where plan_id = 'old'");
  }
  assert.deepEqual(await planOf(userId), ["growth|t|active"]);
});

Deno.test("bad input: 400 that names the field", async () => {
  const userId = await newUser();
  const bearer = await userToken(userId);
  const bodies: [unknown, RegExp][] = [
    ["", /not JSON/],
    [null, /expected object/],
    [{ user_id: userId }, /^plan_id: /],
    [{ user_id: userId, plan_id: null }, /^plan_id: /],
    [{ user_id: userId, plan_id: " " }, /^plan_id: /],
    [{ user_id: userId, plan_id: "a".repeat(101) }, /^plan_id: /],
    [{ user_id: userId, plan_id: ["growth"] }, /^plan_id: /],
    [{ plan_id: "growth" }, /^user_id: /],
    [{ user_id: "me", plan_id: "growth" }, /^user_id: /],
  ];
  for (const [body, message] of bodies) {
    const answer = await post("change-plan", body, bearer);
    assert.equal(answer.status, 400);
    assert.match(answer.body.error, message);
  }
  assert.deepEqual(await planOf(userId), []);
});

Deno.test("another user's id: 403; no token, the anon key or a forged token: 401", async () => {
  const [userId, other] = [await newUser(), await newUser()];
  const body = { user_id: other, plan_id: "growth" };
  const forged = await signToken("another-secret-of-32-bytes-or-more", "authenticated", { userId: other });
  assert.equal((await post("change-plan", body, await userToken(userId))).status, 403);
  for (const bearer of [undefined, anonKey, forged, `${await userToken(other)}x`]) {
    assert.equal((await post("change-plan", body, bearer)).status, 401);
  }
  assert.deepEqual(await planOf(other), []);
});

for (const value of [undefined, "", "false", "1"]) {
  Deno.test(`with PLANS_WITHOUT_PAYMENT=${value}, plans change after a payment: 403`, async () => {
    const userId = await newUser();
    const { status, body } = await postWithPayment(
      "change-plan",
      value,
      { user_id: userId, plan_id: "growth" },
      await userToken(userId),
    );
    assert.deepEqual([status, body], [403, {
      error: "Your plan changes after a payment.",
      error_code: "PAYMENT_REQUIRED",
    }]);
    assert.deepEqual(await planOf(userId), []);
  });
}

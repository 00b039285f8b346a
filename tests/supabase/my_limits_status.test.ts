// The key status of my_limits(): what usage_status says, so that a page knows prices, packs, caps and overage.
import assert from "node:assert/strict";
import { usageStatus } from "../../supabase/functions/_shared/limitResults.ts";
import { addRule, newUser } from "./support/database.ts";
import { service, signedIn } from "./support/stack.ts";

async function statusOf(userId: string) {
  const { data, error } = await signedIn(userId).rpc("my_limits");
  assert.equal(error, null);
  return usageStatus.shape.features.parse((data as { status: unknown }).status);
}

Deno.test("status is what usage_status returns of every feature", async () => {
  const userId = await newUser("growth");
  await addRule({
    applies_to: "user",
    user_id: userId,
    feature_type: "chat",
    effect: "cap",
    amount: 5,
    per: "hour",
  });
  await addRule({
    applies_to: "user",
    user_id: userId,
    feature_type: "image_generation",
    effect: "cost",
    amount: 3,
    paid_in: "insights",
  });
  await service().rpc("grant_usage", {
    p_user_id: userId,
    p_feature_type: "insights",
    p_amount: 4,
    p_source_ref: crypto.randomUUID(),
  });
  const status = await statusOf(userId);
  const { data } = await signedIn(userId).rpc("usage_status", { p_user_id: userId });
  assert.deepEqual(status, usageStatus.parse(data).features);
  assert.equal(Object.keys(status).length, 5);
  assert.deepEqual(status.chat.caps.map(({ per, remaining }) => [per, remaining]), [["hour", 5]]);
  assert.deepEqual(status.image_generation.cost, { amount: 3, paid_in: "insights" });
  assert.deepEqual(status.insights.grants.map(({ remaining }) => remaining), [4]);
  // 10 of the plan, and 14 insights that pay for 4.
  assert.deepEqual([status.image_generation.remaining, status.insights.remaining], [14, 14]);
});

Deno.test("status has nothing of another user", async () => {
  const other = await newUser();
  await service().rpc("grant_usage", {
    p_user_id: other,
    p_feature_type: "chat",
    p_amount: 4,
    p_source_ref: crypto.randomUUID(),
  });
  assert.deepEqual((await statusOf(await newUser())).chat.grants, []);
});

// Which rows of the tables each role can read and write.
import assert from "node:assert/strict";
import { newUser, sum } from "./support/database.ts";
import { anon, service, signedIn } from "./support/stack.ts";

const today = new Date().toISOString().slice(0, 10);
const NOT_ALLOWED = "42501";
const usersTables = ["feature_usage", "user_plans", "feature_reservations"] as const;

async function userWithUsage(): Promise<string> {
  const userId = await newUser("growth");
  await service().rpc("reserve_feature", {
    p_user_id: userId,
    p_feature_type: "image_generation",
    p_amount: 1,
  });
  return userId;
}

for (const table of usersTables) {
  Deno.test(`${table}: a user reads their own rows, anon none, service_role all`, async () => {
    const [userId, other] = [await userWithUsage(), await userWithUsage()];
    const own = await signedIn(userId).from(table).select("user_id");
    assert.deepEqual(own.data, [{ user_id: userId }]);
    assert.equal((await anon().from(table).select("user_id")).error?.code, NOT_ALLOWED);
    const all = await service().from(table).select("user_id").in("user_id", [userId, other]);
    assert.equal(all.data?.length, 2);
  });
}

for (const table of ["generated_images", "feature_idempotency_keys"] as const) {
  Deno.test(`${table}: only the server reads`, async () => {
    const userId = await newUser();
    for (const client of [signedIn(userId), anon()]) {
      assert.equal((await client.from(table).select("user_id")).error?.code, NOT_ALLOWED);
    }
    assert.equal((await service().from(table).select("user_id").eq("user_id", userId)).error, null);
  });
}

Deno.test("plan_limits: everybody reads the active plans", async () => {
  const userId = await newUser();
  for (const client of [service(), signedIn(userId), anon()]) {
    const { data } = await client.from("plan_limits").select("plan_id").order("display_order");
    assert.deepEqual(data?.map((plan) => plan.plan_id), ["free", "growth", "premium"]);
  }
});

Deno.test("a user cannot write a count, a plan or a limit", async () => {
  const userId = await userWithUsage();
  for (const client of [signedIn(userId), anon()]) {
    const attempts = [
      client.from("feature_usage").update({ images_generated: 0 }).eq("user_id", userId),
      client.from("feature_usage").insert({ user_id: userId, period: "2020-01-01" }),
      client.from("feature_usage").delete().eq("user_id", userId),
      client.from("user_plans").update({ plan_id: "premium" }).eq("user_id", userId),
      client.from("user_plans").upsert({ user_id: userId, plan_id: "premium" }),
      client.from("plan_limits").update({ image_generation_daily_limit: 1000 }).eq("plan_id", "free"),
      client.from("feature_reservations").delete().eq("user_id", userId),
    ];
    for (const attempt of attempts) assert.equal((await attempt).error?.code, NOT_ALLOWED);
  }
  assert.equal(await sum("images_generated", userId), 1);
});

Deno.test("service_role writes: it sets a user's plan", async () => {
  const userId = await newUser();
  const plan = { user_id: userId, plan_id: "growth", is_active: true, status: "active" };
  assert.equal((await service().from("user_plans").upsert(plan)).error, null);
  const { data } = await signedIn(userId).rpc("check_feature_limit", {
    p_user_id: userId,
    p_feature_type: "image_generation",
  });
  assert.equal((data as { limit: number }).limit, 10);
  assert.equal((await signedIn(userId).from("feature_usage").select().eq("period", today)).data?.length, 0);
});

// usage_status and usage_period through the API, as the server and as a signed-in user.
import assert from "node:assert/strict";
import { addRule, newUser, sql } from "./support/database.ts";
import { anon, service, signedIn } from "./support/stack.ts";
import { type Client, status } from "../../supabase/functions/_shared/limitChecker.ts";

const NOT_ALLOWED = "42501";
const INVALID_PARAMETER = "22023";
const FEATURES = ["chat", "image_generation", "insights", "therai_calls", "voice_seconds"];

const count = (p_user_id: string, p_amount: number) =>
  service().rpc("increment_feature_usage", {
    p_user_id,
    p_feature_type: "chat",
    p_amount,
    p_period: "current",
  });

/** A user with a plan, a time zone, usage and rules, so that there is something to see. */
async function busyUser(): Promise<string> {
  const userId = await newUser("growth");
  await sql(`update user_plans set time_zone = 'Asia/Tokyo' where user_id = '${userId}'`);
  const rule = { applies_to: "user", user_id: userId, feature_type: "chat" };
  await addRule({ ...rule, effect: "set", amount: 40 });
  await addRule({ ...rule, effect: "cap", per: "total", amount: 30 });
  await addRule({ ...rule, feature_type: "insights", effect: "deny" });
  await count(userId, 7);
  return userId;
}

const statusOf = (client: Client, p_user_id: string) => client.rpc("usage_status", { p_user_id });

Deno.test("usage_status says the limit in force, the usage, what remains, and the caps", async () => {
  const userId = await busyUser();
  const { data, error } = await statusOf(service(), userId);
  assert.equal(error, null);
  // deno-lint-ignore no-explicit-any
  const { user_id, plan_id, features } = data as any;
  assert.deepEqual([user_id, plan_id, Object.keys(features).sort()], [userId, "growth", FEATURES]);
  const { period: _, reset_at, ...chat } = features.chat;
  assert.deepEqual(chat, {
    limit: 40,
    is_unlimited: false,
    current_usage: 7,
    reserved: 0,
    drawn: 0,
    overage: 0,
    excess: 0,
    remaining: 23,
    cost: null,
    grants: [],
    caps: [{ per: "total", scope: "user", limit: 30, used: 7, remaining: 23, reset_at: null }],
  });
  // A day ends at midnight in Tokyo, nine hours before midnight UTC.
  assert.match(reset_at, /T15:00:00Z$/);
  assert.equal(features.insights.error_code, "DENIED");
});

Deno.test("usage_status and usage_period answer the user as they answer service_role, but not anon", async () => {
  const userId = await busyUser();
  const period = (client: Client) =>
    client.rpc("usage_period", { p_user_id: userId, p_feature_type: "chat", p_at: "2025-02-10T15:00:00Z" });
  const own = await statusOf(signedIn(userId), userId);
  assert.equal(own.error, null);
  assert.deepEqual(own.data, (await statusOf(service(), userId)).data);
  for (const client of [service(), signedIn(userId)]) {
    assert.deepEqual((await period(client)).data, {
      period: "2025-02-11",
      starts_at: "2025-02-10T15:00:00Z",
      reset_at: "2025-02-11T15:00:00Z",
    });
  }
  assert.equal((await statusOf(anon(), userId)).error?.code, NOT_ALLOWED);
  assert.equal((await period(anon())).error?.code, NOT_ALLOWED);
});

Deno.test("another user's id is answered as that of a user without rows", async () => {
  const [userId, other, nobody] = [await newUser(), await busyUser(), crypto.randomUUID()];
  const client = signedIn(userId);
  const ofOther = await statusOf(client, other);
  assert.equal(ofOther.error, null);
  const ofNobody = (await statusOf(client, nobody)).data as { plan_id: string };
  assert.equal(ofNobody.plan_id, "free");
  assert.deepEqual(ofOther.data, { ...ofNobody, user_id: other });
  const period = await client.rpc("usage_period", {
    p_user_id: other,
    p_feature_type: "chat",
    p_at: "2025-02-10",
  });
  assert.deepEqual(period.data, {
    period: "2025-02-10",
    starts_at: "2025-02-10T00:00:00Z",
    reset_at: "2025-02-11T00:00:00Z",
  });
});

Deno.test("usage_period is that of now by default, and that of a month for a monthly feature", async () => {
  const userId = await newUser();
  const { data } = await service().rpc("usage_period", {
    p_user_id: userId,
    p_feature_type: "voice_seconds",
  });
  assert.equal((data as { period: string }).period, new Date().toISOString().slice(0, 7));
});

Deno.test("an unknown feature is an error that names those that there are", async () => {
  const userId = await newUser();
  const asked = { p_user_id: userId, p_feature_type: "imges" };
  for (
    const { error } of [
      await service().rpc("usage_status", asked),
      await service().rpc("usage_period", asked),
    ]
  ) {
    assert.equal(error?.code, INVALID_PARAMETER);
    assert.match([error!.message, error!.details, error!.hint].join(" "), /image_generation/);
  }
});

Deno.test("limitChecker.status returns all features or one, with types; null without an answer", async () => {
  const userId = await busyUser();
  const all = await status(service(), userId);
  assert.deepEqual([all?.plan_id, Object.keys(all!.features).sort()], ["growth", FEATURES]);
  const { features } = (await status(signedIn(userId), userId, "chat"))!;
  assert.deepEqual(Object.keys(features), ["chat"]);
  assert.deepEqual(features.chat, all!.features.chat);
  assert.deepEqual([features.chat.remaining, features.chat.caps[0].remaining], [23, 23]);
  assert.equal(await status(anon(), userId), null);
  assert.equal(await status(service(), "not-a-uuid"), null);
});

Deno.test("limitChecker.status accepts a feature that is counted in total, and never resets", async () => {
  const userId = await newUser();
  await sql("update usage_features set period = 'total' where feature_type = 'insights'");
  try {
    assert.equal((await status(service(), userId))?.features.insights.reset_at, null);
  } finally {
    await sql("update usage_features set period = 'month' where feature_type = 'insights'");
  }
});

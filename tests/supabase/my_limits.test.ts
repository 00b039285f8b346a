// my_limits(): what a page shows of the signed-in user, in one answer.
import assert from "node:assert/strict";
import { newUser, removeFeature, sql } from "./support/database.ts";
import { anon, service, signedIn } from "./support/stack.ts";

const NOT_ALLOWED = "42501";
const FEATURES = ["chat", "image_generation", "insights", "therai_calls", "voice_seconds"];

interface MyLimits {
  plan: Record<string, unknown> | null;
  features: Record<string, unknown>[];
}

async function limitsOf(userId: string): Promise<MyLimits> {
  const { data, error } = await signedIn(userId).rpc("my_limits");
  assert.equal(error, null);
  return data as unknown as MyLimits;
}

Deno.test("my_limits returns what get_user_limits and check_feature_limit return", async () => {
  const userId = await newUser("growth");
  await service().rpc("increment_chat_messages", { p_user_id: userId, p_count: 7, p_period: "current" });
  const { plan, features } = await limitsOf(userId);
  const client = signedIn(userId);
  const all = await client.rpc("get_user_limits", { p_user_id: userId });
  assert.deepEqual(plan, (all.data as { limits: unknown }).limits);
  assert.equal(plan?.plan_name, "Growth");
  assert.deepEqual(features.map((feature) => feature.feature_type), FEATURES);
  for (const feature of features) {
    const { data } = await client.rpc("check_feature_limit", {
      p_user_id: userId,
      p_feature_type: feature.feature_type as string,
      p_requested_amount: 0,
    });
    assert.deepEqual(feature, data);
  }
  const [chat] = features;
  assert.deepEqual([chat.limit, chat.current_usage, chat.remaining], [100, 7, 93]);
});

Deno.test("a user without a plan has the free plan, and nothing of another user", async () => {
  const other = await newUser("premium");
  await service().rpc("increment_chat_messages", { p_user_id: other, p_count: 7, p_period: "current" });
  const { plan, features } = await limitsOf(await newUser());
  assert.equal(plan?.plan_id, "free");
  assert.deepEqual(features.map((feature) => feature.limit), [3, 3, 0, 3, 120]);
  assert.deepEqual(features.map((feature) => feature.current_usage), [0, 0, 0, 0, 0]);
});

Deno.test("an unknown plan is null, and every feature says why", async () => {
  const { plan, features } = await limitsOf(await newUser("gold"));
  assert.equal(plan, null);
  assert.deepEqual(features.map((feature) => feature.error_code), FEATURES.map(() => "UNKNOWN_PLAN"));
});

Deno.test("a feature that is added appears", async () => {
  const userId = await newUser();
  await sql("select add_feature('audio_books', 'month')");
  try {
    const { features } = await limitsOf(userId);
    assert.deepEqual(features.map((feature) => feature.feature_type), ["audio_books", ...FEATURES]);
    assert.deepEqual([features[0].limit, features[0].current_usage], [0, 0]);
  } finally {
    await removeFeature("audio_books");
  }
});

Deno.test("my_limits is for signed-in users only, and runs with their rights", async () => {
  for (const client of [anon(), service()]) {
    assert.equal((await client.rpc("my_limits")).error?.code, NOT_ALLOWED);
  }
  assert.deepEqual(await sql("select prosecdef from pg_proc where proname = 'my_limits'"), ["f"]);
});

Deno.test("my_limits does not use what a caller has created", async () => {
  // A temporary table comes first in a search path, unless names have their schema.
  const userId = await newUser();
  const [answer] = await sql(`create temporary table usage_features (feature_type text);
    grant select on usage_features to authenticated;
    set role authenticated; set search_path = pg_temp, public;
    set request.jwt.claims = '{"sub": "${userId}"}';
    select jsonb_array_length(my_limits() -> 'features')`);
  assert.equal(answer, "5");
});

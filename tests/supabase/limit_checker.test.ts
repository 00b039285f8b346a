// The functions of limitChecker.ts on the real stack, as the edge functions of an app call them.
import assert from "node:assert/strict";
import { newPool, newUser, sql, sum, usedByPool } from "./support/database.ts";
import { anon, service, signedIn } from "./support/stack.ts";
import {
  checkLimit,
  commit,
  consume,
  type FeatureType,
  getUserLimits,
  incrementUsage,
  release,
  reserve,
  status,
} from "../../supabase/functions/_shared/limitChecker.ts";

const counters: Record<FeatureType, string> = {
  voice_seconds: "voice_seconds",
  image_generation: "images_generated",
  therai_calls: "therai_calls",
  insights: "insights_count",
  chat: "chat_messages",
};

for (const [feature, counter] of Object.entries(counters) as [FeatureType, string][]) {
  Deno.test(`${feature}: checkLimit includes what incrementUsage counts`, async () => {
    const userId = await newUser("growth");
    assert.deepEqual(await incrementUsage(service(), userId, feature, 4), { success: true });
    assert.equal(await sum(counter, userId), 4);
    const answer = await checkLimit(service(), userId, feature, 2);
    assert.equal(answer.allowed, true);
    assert.equal(answer.current_usage, 4);
    assert.equal(answer.remaining, answer.limit! - 6);
    assert.equal(answer.is_unlimited, false);
  });
}

Deno.test("checkLimit returns unlimited, or the reason of a denial", async () => {
  const premium = await newUser("premium");
  const unlimited = await checkLimit(service(), premium, "chat");
  assert.deepEqual(
    [unlimited.allowed, unlimited.is_unlimited, unlimited.limit, unlimited.remaining],
    [true, true, null, null],
  );
  const free = await newUser();
  const denied = await checkLimit(service(), free, "chat", 4);
  assert.deepEqual([denied.allowed, denied.error_code, denied.limit], [false, "LIMIT_EXCEEDED", 3]);
});

Deno.test("getUserLimits returns the plan and the usage", async () => {
  const userId = await newUser("growth");
  await incrementUsage(service(), userId, "voice_seconds", 245);
  const answer = await getUserLimits(service(), userId);
  assert.equal(answer?.limits?.plan_name, "Growth");
  assert.equal(answer?.limits?.image_generation_daily, 10);
  assert.equal(answer?.limits?.features.together_mode, true);
  assert.equal(answer?.usage.voice_seconds, 245);
});

Deno.test("consume counts up to the limit, and once per idempotency key", async () => {
  const userId = await newUser();
  assert.equal((await consume(service(), userId, "chat", 2, "k")).consumed, 2);
  assert.equal((await consume(service(), userId, "chat", 2, "k")).replayed, true);
  const denied = await consume(service(), userId, "chat", 2);
  assert.deepEqual([denied.allowed, denied.error_code, denied.consumed], [false, "LIMIT_EXCEEDED", 0]);
  const other = await consume(service(), userId, "chat", 1, "k");
  assert.deepEqual([other.allowed, other.error_code], [false, "IDEMPOTENCY_MISMATCH"]);
  assert.equal(await sum("chat_messages", userId), 2);
});

Deno.test("reserve, then commit the used amount, or release", async () => {
  const userId = await newUser("growth");
  const voice = await reserve(service(), userId, "voice_seconds", 60, { ttl: "10 minutes" });
  assert.equal(voice.allowed, true);
  assert.equal(await sum("voice_seconds", userId), 60);
  assert.deepEqual((await commit(service(), voice.reservation_id!, 42)).committed, true);
  assert.equal(await sum("voice_seconds", userId), 42);
  assert.equal((await commit(service(), voice.reservation_id!, 43)).error_code, "RESERVATION_FINALIZED");

  const chat = await reserve(service(), userId, "chat");
  const released = await release(service(), chat.reservation_id!);
  assert.equal(released.released, true);
  assert.deepEqual(await release(service(), chat.reservation_id!), released);
  assert.equal(await sum("chat_messages", userId), 0);
});

Deno.test("with a pool, consume and reserve count there only, and status is about it", async () => {
  const userId = await newUser();
  const poolId = await newPool([userId, await newUser()]);
  assert.equal((await consume(service(), userId, "chat", 4, "k", poolId)).limit, 100);
  assert.equal((await consume(service(), userId, "chat", 4, "k", poolId)).replayed, true);
  assert.equal((await consume(service(), userId, "chat", 4, "k")).error_code, "IDEMPOTENCY_MISMATCH");
  const { reservation_id } = await reserve(service(), userId, "chat", 3, { poolId });
  const { chat } = (await status(service(), userId, "chat", poolId))!.features;
  assert.deepEqual([chat.current_usage, chat.reserved, chat.member_usage], [7, 3, 7]);
  assert.equal((await release(service(), reservation_id!)).released, true);
  assert.deepEqual([await usedByPool(poolId, "chat"), await sum("chat_messages", userId)], [4, 0]);
  const own = (await status(service(), userId, "chat"))!.features.chat;
  assert.deepEqual([own.current_usage, own.member_usage, own.limit], [0, undefined, 3]);
});

Deno.test("an RPC error is a denial, never an allowance", async () => {
  const userId = await newUser("premium");
  // A role without rights, an unknown reservation, and a missing user.
  const user = signedIn(userId);
  assert.equal((await checkLimit(anon(), userId, "chat")).allowed, false);
  assert.equal((await checkLimit(anon(), userId, "chat")).error_code, "RPC_ERROR");
  assert.equal((await checkLimit(service(), "not-a-uuid", "chat")).error_code, "RPC_ERROR");
  assert.deepEqual(pick(await consume(user, userId, "chat")), [false, "RPC_ERROR", "42501"]);
  assert.deepEqual(pick(await reserve(user, userId, "chat")), [false, "RPC_ERROR", "42501"]);
  assert.deepEqual(pick(await reserve(service(), userId, "chat", 1, { ttl: "1 year" })), [
    false,
    "RPC_ERROR",
    "22023",
  ]);
  const unknown = crypto.randomUUID();
  assert.deepEqual(await commit(service(), unknown).then((a) => [a.committed, a.error_code]), [
    false,
    "RPC_ERROR",
  ]);
  assert.deepEqual(await release(service(), unknown).then((a) => [a.released, a.error_code]), [
    false,
    "RPC_ERROR",
  ]);
  assert.equal((await incrementUsage(user, userId, "chat", 1)).success, false);
  assert.equal(await getUserLimits(anon(), userId), null);
  assert.equal(await sum("chat_messages", userId), 0);
});

function pick(answer: { allowed: boolean; error_code?: string; rpc_code?: string }) {
  return [answer.allowed, answer.error_code, answer.rpc_code];
}

Deno.test("an answer of another shape is a denial too", async () => {
  const userId = await newUser("premium");
  await sql("alter extension feature_usage drop function check_feature_limit(uuid, text, integer, text)", {
    role: "supabase_admin",
  });
  await sql(
    `alter function check_feature_limit(uuid, text, integer, text) rename to check_feature_limit_kept;
    create function check_feature_limit(p_user_id uuid, p_feature_type text, p_requested_amount integer,
      p_period text default null) returns jsonb language sql as $$select '{"allowed": "yes"}'::jsonb$$`,
    {
      role: "supabase_admin",
    },
  );
  try {
    const answer = await checkLimit(service(), userId, "chat");
    assert.deepEqual([answer.allowed, answer.error_code], [false, "RPC_ERROR"]);
  } finally {
    await sql(
      `drop function check_feature_limit(uuid, text, integer, text);
      alter function check_feature_limit_kept(uuid, text, integer, text) rename to check_feature_limit;
      alter extension feature_usage add function check_feature_limit(uuid, text, integer, text)`,
      {
        role: "supabase_admin",
      },
    );
  }
  assert.equal((await checkLimit(service(), userId, "chat")).allowed, true);
});

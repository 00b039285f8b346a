// What a load balancer of read replicas needs: it sends replicas only GET requests, so what reads can be called
// by GET, and what counts cannot.
import assert from "node:assert/strict";
import { newUser, sum } from "./support/database.ts";
import { service, signedIn } from "./support/stack.ts";

Deno.test("what only reads answers a GET as a POST", async () => {
  const userId = await newUser("growth");
  await service().rpc("increment_chat_messages", { p_user_id: userId, p_count: 7, p_period: "current" });
  for (const client of [service(), signedIn(userId)]) {
    for (
      const [name, args] of [
        ["check_feature_limit", { p_user_id: userId, p_feature_type: "chat" }],
        ["get_user_limits", { p_user_id: userId }],
        ["usage_status", { p_user_id: userId }],
        ["usage_period", { p_user_id: userId, p_feature_type: "chat" }],
      ] as const
    ) {
      const posted = await client.rpc(name, args);
      const got = await client.rpc(name, args, { get: true });
      assert.equal(got.error, null, name);
      assert.deepEqual(got.data, posted.data, name);
    }
  }
});

Deno.test("what counts is refused to a GET, and counts nothing", async () => {
  const userId = await newUser("growth");
  const consumed = await service().rpc(
    "consume_feature",
    { p_user_id: userId, p_feature_type: "chat" },
    { get: true },
  );
  const counted = await service().rpc(
    "increment_chat_messages",
    { p_user_id: userId, p_count: 2, p_period: "current" },
    { get: true },
  );
  for (const { error, status } of [consumed, counted]) {
    assert.equal(status, 405);
    assert.equal(error?.code, "25006");
  }
  assert.equal(await sum("chat_messages", userId), 0);
});

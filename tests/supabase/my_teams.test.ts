// my_teams(): what a page shows of the teams of the signed-in user, and nothing of other members.
import assert from "node:assert/strict";
import { usageStatus } from "../../supabase/functions/_shared/limitResults.ts";
import { addRule, newPool, newUser, sql } from "./support/database.ts";
import { anon, service, signedIn } from "./support/stack.ts";
import { consume } from "../../supabase/functions/_shared/limitChecker.ts";

const NOT_ALLOWED = "42501";

async function teamsOf(userId: string) {
  const { data, error } = await signedIn(userId).rpc("my_teams");
  assert.equal(error, null);
  // deno-lint-ignore no-explicit-any
  return data as any[];
}

Deno.test("my_teams returns each team with its plan, seats, and what usage_status says to the user", async () => {
  const [userId, other] = [await newUser(), await newUser()];
  const poolId = await newPool([userId, other]);
  await addRule({
    applies_to: "member",
    pool_id: poolId,
    feature_type: "chat",
    effect: "cap",
    amount: 5,
    per: "day",
  });
  await consume(service(), userId, "chat", 2, undefined, poolId);
  await consume(service(), other, "chat", 3, undefined, poolId);
  const [team, ...more] = await teamsOf(userId);
  assert.deepEqual([team.pool_id, team.plan_id, team.plan_name, team.seats, more.length], [
    poolId,
    "growth",
    "Growth",
    1,
    0,
  ]);
  const { chat } = usageStatus.shape.features.parse(team.status);
  assert.deepEqual([chat.current_usage, chat.member_usage, chat.limit, chat.remaining], [5, 2, 100, 3]);
  assert.deepEqual(chat.caps.map(({ scope, used }) => [scope, used]), [["member", 2]]);
  assert.doesNotMatch(JSON.stringify(team), new RegExp(other));
  assert.equal((await teamsOf(other))[0].status.chat.member_usage, 3);
});

Deno.test("my_teams is empty for who is in no team, and for who has left", async () => {
  const [userId, other] = [await newUser(), await newUser()];
  const poolId = await newPool([userId]);
  assert.deepEqual(await teamsOf(other), []);
  assert.equal((await teamsOf(userId)).length, 1);
  const several = [poolId, await newPool([userId, other], "premium")].sort();
  assert.deepEqual((await teamsOf(userId)).map(({ pool_id }) => pool_id), several);
  await sql(`delete from usage_pool_members where pool_id = '${poolId}'`);
  assert.deepEqual((await teamsOf(userId)).map(({ plan_id }) => plan_id), ["premium"]);
});

Deno.test("my_teams shows a team whose plan is not known", async () => {
  const userId = await newUser();
  await newPool([userId], "gold");
  const [{ plan_id, plan_name, status }] = await teamsOf(userId);
  assert.deepEqual([plan_id, plan_name, status.chat.error_code], ["gold", null, "UNKNOWN_PLAN"]);
});

Deno.test("my_teams is for signed-in users only, and runs with their rights", async () => {
  for (const client of [anon(), service()]) {
    assert.equal((await client.rpc("my_teams")).error?.code, NOT_ALLOWED);
  }
  assert.deepEqual(await sql("select prosecdef from pg_proc where proname = 'my_teams'"), ["f"]);
});

// What operators see of a team, and grant to it: every member's part, units with a reason, once.
import assert from "node:assert/strict";
import { SignJWT } from "jose";
import { newPool, newUser, sql } from "./support/database.ts";
import { anon, post, service, setting, signedIn, userToken } from "./support/stack.ts";
import { consume, status } from "../../supabase/functions/_shared/limitChecker.ts";

const NOT_ALLOWED = "42501";
const newId = () => crypto.randomUUID();

const operatorId = await newUser();
await sql(`update auth.users set raw_app_meta_data = '{"role": "operator"}' where id = '${operatorId}'`);
const bearer = await new SignJWT({ role: "authenticated", app_metadata: { role: "operator" } })
  .setProtectedHeader({ alg: "HS256" }).setSubject(operatorId).setExpirationTime("1h")
  .sign(new TextEncoder().encode(setting("JWT_SECRET")));

const act = (action: string, more: Record<string, unknown>) =>
  post("operator", { action, reason: "asked by mail", feature_type: "insights", ...more }, bearer);
const find = async (search: string) =>
  (await post("operator", { report: "teams", search }, bearer)).body.teams;
const grantsOf = (poolId: string) =>
  sql(`select amount, reason, actor, voided_at is not null, user_id is null
         from usage_grants where pool_id = '${poolId}'`);

Deno.test("a team is found by its id and by a member, with every part and nothing of other teams", async () => {
  const [user, other, leaver] = [await newUser(), await newUser(), await newUser()];
  const poolId = await newPool([user, other, leaver]);
  const another = await newPool([user]);
  await consume(service(), user, "chat", 2, undefined, poolId);
  await consume(service(), leaver, "chat", 5, undefined, poolId);
  await consume(service(), user, "chat", 50, undefined, another);
  await consume(service(), other, "chat", 3, undefined, poolId);
  // Counts of other periods are no part of today's.
  await sql(`insert into usage_counters (pool_id, user_id, feature_type, period, used)
    values ('${poolId}', '${user}', 'chat', '2020-01-01', 99)`);
  await sql(`delete from usage_pool_members where pool_id = '${poolId}' and user_id = '${leaver}'`);

  for (const search of [poolId, poolId.toUpperCase(), other, `${other}@example.com`]) {
    const [team, ...more] = await find(search);
    assert.deepEqual([team.pool_id, team.plan_id, team.seats, more], [poolId, "growth", 1, []]);
    assert.equal(team.features.chat.current_usage, 10);
    const parts = [[user, true, { chat: 2 }], [other, true, { chat: 3 }]].sort();
    assert.deepEqual(
      // deno-lint-ignore no-explicit-any
      team.members.map((member: any) => [member.user_id, member.is_member, member.used]),
      [...parts, [leaver, false, { chat: 5 }]],
    );
    assert.equal(team.members[2].email, `${leaver}@example.com`);
  }
  assert.deepEqual((await find(user)).length, 2);
  assert.deepEqual(await find(leaver), []);
  assert.deepEqual(await find(newId()), []);
});

Deno.test("grant and void: to the team, with the reason and the operator, once per request", async () => {
  const userId = await newUser();
  const [pool_id, other] = [await newPool([userId]), await newPool([userId])];
  const wanted = { pool_id, amount: 20, request_id: newId() };
  const answers = await Promise.all(Array.from({ length: 8 }, () => act("grant", wanted)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(answers.filter(({ body }) => !body.replayed).length, 1);
  assert.deepEqual(await grantsOf(pool_id), [`20|asked by mail|${operatorId}|f|t`]);
  const { insights } = (await status(service(), userId, "insights", pool_id))!.features;
  assert.equal(insights.remaining, 30);
  const [{ grants: [{ source_ref, can_be_voided, actor }] }] = await find(pool_id);
  assert.deepEqual([can_be_voided, actor], [true, `${operatorId}@example.com`]);

  // Neither another team nor a user can lose it.
  for (const owner of [{ pool_id: other }, { user_id: userId }]) {
    const stolen = await act("void", { ...owner, source_ref });
    assert.deepEqual([stolen.status, stolen.body.error_code], [404, "UNKNOWN_GRANT"]);
  }
  for (const replayed of [false, true]) {
    const { status, body } = await act("void", { pool_id, source_ref });
    assert.deepEqual([status, body], [200, { voided: true, forfeited: 20, replayed }]);
  }
  const reason = `asked by mail; voided: asked by mail (operator ${operatorId})`;
  assert.deepEqual(await grantsOf(pool_id), [`20|${reason}|${operatorId}|t|t`]);
});

Deno.test("grant: bad requests are named, and grant nothing", async () => {
  const userId = await newUser();
  const pool_id = await newPool([userId]);
  const refused: [Record<string, unknown>, number, RegExp][] = [
    [{ pool_id: "my team" }, 400, /^pool_id: /],
    [{ pool_id, user_id: userId }, 400, /either a user_id or a pool_id/],
    [{}, 400, /either a user_id or a pool_id/],
    [{ pool_id: newId() }, 404, /^There is no such team\.$/],
  ];
  for (const [owner, status, message] of refused) {
    const answer = await act("grant", { ...owner, amount: 5, request_id: newId() });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.body.error, message);
  }
  assert.deepEqual(await grantsOf(pool_id), []);
  assert.deepEqual(await sql(`select 1 from usage_grants where user_id = '${userId}'`), []);
});

Deno.test("teams are for operators, and operator_teams for service_role only", async () => {
  const userId = await newUser();
  const pool_id = await newPool([userId]);
  const asked = [{ report: "teams", search: pool_id }, { action: "grant", pool_id }];
  for (const body of asked) {
    const { status, body: answer } = await post("operator", body, await userToken(userId));
    assert.deepEqual([status, answer.error_code], [403, "NOT_OPERATOR"]);
  }
  for (const client of [anon(), signedIn(userId)]) {
    assert.equal((await client.rpc("operator_teams", { p_search: pool_id })).error?.code, NOT_ALLOWED);
  }
  assert.equal((await service().rpc("operator_teams", { p_search: pool_id })).error, null);
});

// What operators see of a team, and do for it: every member's part; units, rules and corrections, with a reason, once.
import assert from "node:assert/strict";
import { newPool, newUser, sql, sum } from "./support/database.ts";
import { newOperator } from "./support/operator.ts";
import { anon, post, service, signedIn, userToken } from "./support/stack.ts";
import { consume, status } from "../../supabase/functions/_shared/limitChecker.ts";

const NOT_ALLOWED = "42501";
const newId = () => crypto.randomUUID();

const { id: operatorId, token: bearer } = await newOperator();

const act = (action: string, more: Record<string, unknown>) =>
  post("operator", { action, reason: "asked by mail", feature_type: "insights", ...more }, bearer);
const find = async (search: string) =>
  (await post("operator", { report: "teams", search }, bearer)).body.teams;
const historyOf = async (owner: Record<string, unknown>) =>
  (await post("operator", { report: "history", ...owner }, bearer)).body;
const grantsOf = (poolId: string) =>
  sql(`select amount, reason, actor, voided_at is not null, user_id is null
         from usage_grants where pool_id = '${poolId}'`);
const rulesOf = (poolId: string) =>
  sql(`select applies_to, user_id, effect, amount, per, ends_at is not null, reason, actor
         from usage_rules where pool_id = '${poolId}' order by created_at`);
/** What a member, and all of the team, have used and may use of insights. */
async function insightsOf(userId: string, poolId: string) {
  const { limit, current_usage, member_usage, remaining } =
    (await status(service(), userId, "insights", poolId))!.features.insights;
  return { limit, current_usage, member_usage, remaining };
}
// deno-lint-ignore no-explicit-any
const brief = (rows: any[], ...keys: string[]) => rows.map((row) => keys.map((key) => row[key]));

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
  const { grants: [{ source_ref, can_be_voided, actor }] } = await historyOf({ pool_id });
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

Deno.test("override: of the team, of each member and of one, with the reason and the operator, once", async () => {
  const [userId, other] = [await newUser(), await newUser()];
  const pool_id = await newPool([userId, other]);
  const another = await newPool([userId]);
  const rules: [Record<string, unknown>, string, number][] = [
    [{ applies_to: "pool", effect: "set", amount: 40 }, "pool||set|40|period|f", 40],
    [{ applies_to: "pool", effect: "add", amount: 5 }, "pool||add|5|period|f", 45],
    [{ applies_to: "member", effect: "cap", amount: 9, per: "month" }, "member||cap|9|month|f", 9],
    [
      { applies_to: "member", user_id: userId, effect: "cap", amount: 12, per: "month" },
      `member|${userId}|cap|12|month|f`,
      12,
    ],
  ];
  for (const [rule, , remaining] of rules) {
    const wanted = { pool_id, request_id: newId(), ...rule };
    const answers = await Promise.all(Array.from({ length: 8 }, () => act("override", wanted)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(answers.filter(({ body }) => !body.replayed).length, 1);
    assert.equal((await insightsOf(userId, pool_id)).remaining, remaining);
    const changed: Record<string, unknown>[] = [{ amount: 1 }, { pool_id: another }];
    if (rule.effect === "cap") changed.push({ applies_to: "pool", user_id: undefined });
    for (const change of changed) {
      const mismatch = await act("override", { ...wanted, ...change });
      assert.deepEqual([mismatch.status, mismatch.body.error_code], [409, "RULE_MISMATCH"]);
    }
  }
  const rows = rules.map(([, row]) => `${row}|asked by mail|${operatorId}`);
  assert.deepEqual([await rulesOf(pool_id), await rulesOf(another)], [rows, []]);
  assert.equal((await insightsOf(other, pool_id)).remaining, 9);
  await act("override", { pool_id, applies_to: "pool", effect: "deny", amount: null, request_id: newId() });
  assert.equal((await status(service(), other, "insights", pool_id))!.features.insights.error_code, "DENIED");
});

Deno.test("override: one for nobody, or that a team can't have, is refused and makes no rule", async () => {
  const [userId, stranger] = [await newUser(), await newUser()];
  const pool_id = await newPool([userId]);
  const refused: [Record<string, unknown>, number, RegExp][] = [
    [{ pool_id: newId(), applies_to: "pool" }, 404, /^There is no such team\.$/],
    [{ pool_id: newId(), applies_to: "member" }, 404, /^There is no such team\.$/],
    [{ applies_to: "member", user_id: stranger }, 404, /^The team has no such member\.$/],
    [{ applies_to: "member", effect: "set" }, 400, /member_has_deny_or_cap/],
    [{ applies_to: "pool", user_id: userId }, 400, /user_id_for_user_and_perhaps_for_member_only/],
    [{ applies_to: "user", user_id: userId }, 400, /pool_id_if_and_only_if/],
    [{ applies_to: "pool", pool_id: undefined }, 400, /pool_id_if_and_only_if/],
    [{ applies_to: "all" }, 400, /^applies_to: /],
    [{ applies_to: "pool", pool_id: "my team" }, 400, /^pool_id: /],
  ];
  for (const [more, status, message] of refused) {
    const answer = await act("override", { pool_id, effect: "cap", amount: 1, request_id: newId(), ...more });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.body.error, message);
  }
  assert.deepEqual(await rulesOf(pool_id), []);
  assert.deepEqual(await sql(`select 1 from usage_rules where user_id in ('${userId}', '${stranger}')`), []);
});

Deno.test("end: a rule of the team or of its members, once; another team's or a user's, not", async () => {
  const userId = await newUser();
  const [pool_id, other] = [await newPool([userId]), await newPool([userId])];
  for (
    const rule of [
      { applies_to: "pool", effect: "set" },
      { applies_to: "member", user_id: userId, effect: "cap", starts_at: "2999-01-01T00:00:00Z" },
    ]
  ) {
    const made = await act("override", { pool_id, amount: 1, request_id: newId(), ...rule });
    const { rule_id } = made.body;
    for (const [owner, who] of [[{ pool_id: other }, "team"], [{ user_id: userId }, "user"]] as const) {
      const { status, body } = await act("end", { ...owner, rule_id });
      const error = `The ${who} has no such rule.`;
      assert.deepEqual([status, body], [404, { error, error_code: "UNKNOWN_RULE" }]);
    }
    assert.equal((await act("end", { pool_id, user_id: userId, rule_id })).status, 400);
    const answers = await Promise.all(Array.from({ length: 8 }, () => act("end", { pool_id, rule_id })));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(answers.filter(({ body }) => !body.replayed).length, 1);
  }
  const reason = `asked by mail; ended: asked by mail (operator ${operatorId})`;
  assert.deepEqual(await rulesOf(pool_id), [
    `pool||set|1|period|t|${reason}|${operatorId}`,
    `member|${userId}|cap|1|period|t|${reason}|${operatorId}`,
  ]);
  assert.equal((await insightsOf(userId, pool_id)).limit, 10);

  const own = await act("override", { user_id: userId, effect: "add", amount: 1, request_id: newId() });
  assert.equal((await act("end", { pool_id, rule_id: own.body.rule_id })).status, 404);
  assert.equal((await act("end", { user_id: userId, rule_id: own.body.rule_id })).body.replayed, false);
});

Deno.test("correct: a member's part and the team's count, once; nothing of the user's own count", async () => {
  const [user_id, leaver] = [await newUser(), await newUser()];
  const pool_id = await newPool([user_id, leaver]);
  await consume(service(), user_id, "insights", 4, undefined, pool_id);
  await consume(service(), leaver, "insights", 5, undefined, pool_id);
  await sql(`delete from usage_pool_members where user_id = '${leaver}'`);
  const corrections: [string, number, number][] = [[user_id, -3, 6], [user_id, 2, 8], [leaver, -5, 3]];
  for (const [member, amount, current_usage] of corrections) {
    const wanted = { user_id: member, pool_id, amount, request_id: newId() };
    for (const replayed of [false, true]) {
      const { status, body } = await act("correct", wanted);
      assert.deepEqual([status, body], [200, { corrected: true, current_usage, overage: 0, replayed }]);
    }
    for (const change of [{ amount: 1 }, { pool_id: undefined }]) {
      const mismatch = await act("correct", { ...wanted, ...change });
      assert.deepEqual([mismatch.status, mismatch.body.error_code], [409, "IDEMPOTENCY_MISMATCH"]);
    }
  }
  const refused: [Record<string, unknown>, number, string | undefined, RegExp][] = [
    // The team has used more, but this member has not.
    [{ amount: -4 }, 409, "EXCEEDS_USAGE", /^insights can't be corrected by -4/],
    [{ pool_id: newId() }, 404, "UNKNOWN_POOL", /^There is no such team\.$/],
    [{ user_id: undefined }, 400, undefined, /^user_id: /],
    [{ pool_id: "my team" }, 400, undefined, /^pool_id: /],
  ];
  for (const [more, status, code, message] of refused) {
    const answer = await act("correct", { user_id, pool_id, amount: -1, request_id: newId(), ...more });
    assert.deepEqual([answer.status, answer.body.error_code], [status, code]);
    assert.match(answer.body.error, message);
  }
  const { current_usage, member_usage } = await insightsOf(user_id, pool_id);
  assert.deepEqual([current_usage, member_usage], [3, 3]);
  assert.equal(await sum("insights_count", user_id), 0);
});

Deno.test("history: the team's rules, grants and entries, with the member; the user's has none of them", async () => {
  const user_id = await newUser();
  const [pool_id, another] = [await newPool([user_id]), await newPool([user_id])];
  await sql(
    "insert into usage_rules (applies_to, feature_type, effect, source_ref) values ('all', 'insights', 'log', 'teams')",
  );
  try {
    await act("grant", { pool_id, amount: 20, request_id: newId() });
    await act("correct", { user_id, pool_id, amount: 2, request_id: newId(), reason: "it was down" });
    await act("override", { pool_id, applies_to: "pool", effect: "add", amount: 5, request_id: newId() });
    const cap = { pool_id, applies_to: "member", effect: "cap", amount: 3 };
    await act("override", { ...cap, per: "month", request_id: newId() });
    const { body } = await act("override", { ...cap, user_id, request_id: newId() });
    await act("end", { pool_id, rule_id: body.rule_id });
    const { rules, grants, entries } = await historyOf({ pool_id });
    const [actor, member] = [`${operatorId}@example.com`, `${user_id}@example.com`];
    assert.deepEqual(brief(rules, "applies_to", "member", "effect", "per", "can_be_ended", "actor"), [
      ["member", member, "cap", "period", false, actor],
      ["member", null, "cap", "month", true, actor],
      ["pool", null, "add", "period", true, actor],
    ]);
    assert.deepEqual(brief(grants, "amount", "used", "can_be_voided", "reason", "actor"), [
      [20, 0, true, "asked by mail", actor],
    ]);
    assert.deepEqual(brief(entries, "kind", "amount", "member", "reason"), [
      ["correct", 2, member, `it was down (operator ${operatorId})`],
      ["grant", 0, null, null],
    ]);
    for (const owner of [{ pool_id: another }, { user_id }]) {
      assert.deepEqual(await historyOf(owner), { rules: [], grants: [], entries: [] });
    }
    for (const owner of [{ pool_id, user_id }, {}]) {
      assert.match((await historyOf(owner)).error, /either a user_id or a pool_id/);
    }
  } finally {
    await sql("delete from usage_rules where source_ref = 'teams'");
  }
});

Deno.test("teams are for operators, and operator_teams for service_role only", async () => {
  const userId = await newUser();
  const pool_id = await newPool([userId]);
  const asked = [
    { report: "teams", search: pool_id },
    { report: "history", pool_id },
    ...["grant", "void", "override", "end", "correct"].map((action) => ({ action, pool_id })),
  ];
  for (const body of asked) {
    const { status, body: answer } = await post("operator", body, await userToken(userId));
    assert.deepEqual([status, answer.error_code], [403, "NOT_OPERATOR"]);
  }
  for (const client of [anon(), signedIn(userId)]) {
    assert.equal((await client.rpc("operator_teams", { p_search: pool_id })).error?.code, NOT_ALLOWED);
  }
  assert.equal((await service().rpc("operator_teams", { p_search: pool_id })).error, null);
});

// The actions of the edge function operator: what each writes, once, with its reason, and for whom it does not.
import assert from "node:assert/strict";
import { newUser, sql } from "./support/database.ts";
import { newOperator, operatorToken, setRole } from "./support/operator.ts";
import { anon, anonKey, post, service, serviceKey, signedIn, userToken } from "./support/stack.ts";
import type { Client } from "../../supabase/functions/_shared/limitChecker.ts";

const NOT_ALLOWED = "42501";
const CHAT = { feature_type: "chat" };
const newId = () => crypto.randomUUID();

const { id: operatorId, token: bearer } = await newOperator();

const act = (action: string, more: Record<string, unknown>) =>
  post("operator", { action, reason: "asked by mail", ...more }, bearer);

const grantsOf = (userId: string) =>
  sql(`select feature_type, amount, source_ref, reason, actor, expires_at, voided_at is not null
         from usage_grants where user_id = '${userId}'`);
const rulesOf = (userId: string) =>
  sql(`select feature_type, effect, amount, per, every, ends_at is not null, reason, actor
         from usage_rules where user_id = '${userId}' order by created_at`);

/** A user who has used so many chat messages, of 3. */
async function userWithMessages(messages: number): Promise<string> {
  const userId = await newUser();
  await service().rpc("increment_chat_messages", {
    p_user_id: userId,
    p_count: messages,
    p_period: "current",
  });
  return userId;
}

async function status(userId: string) {
  const { data } = await service().rpc("usage_status", { p_user_id: userId, p_feature_type: "chat" });
  // deno-lint-ignore no-explicit-any
  return (data as any).features.chat;
}

async function historyOf(userId: string) {
  const { body } = await post("operator", { report: "history", user_id: userId }, bearer);
  return body;
}

Deno.test("grant: units, with the reason and the operator, once per request", async () => {
  const [user_id, request_id] = [await newUser(), newId()];
  const wanted = { user_id, ...CHAT, amount: 20, request_id, expires_at: "2999-01-01T00:00:00Z" };
  const answers = await Promise.all(Array.from({ length: 8 }, () => act("grant", wanted)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(answers.filter(({ body }) => !body.replayed).length, 1);
  const row = `chat|20|operator:${request_id}|asked by mail|${operatorId}|2999-01-01 00:00:00+00|f`;
  assert.deepEqual(await grantsOf(user_id), [row]);
  assert.equal((await status(user_id)).remaining, 23);
  const other = await act("grant", { ...wanted, amount: 21 });
  assert.deepEqual([other.status, other.body.error_code], [409, "GRANT_MISMATCH"]);
  assert.deepEqual(await grantsOf(user_id), [row]);
});

Deno.test("void: what is left of a grant, once; of another user's grant, nothing", async () => {
  const [user_id, other, source_ref] = [await newUser(), await newUser(), newId()];
  const grant = { p_user_id: user_id, p_feature_type: "chat", p_amount: 20, p_source_ref: source_ref };
  await service().rpc("grant_usage", { ...grant, p_reason: "goodwill" });
  const stolen = await act("void", { user_id: other, ...CHAT, source_ref });
  assert.deepEqual([stolen.status, stolen.body.error_code], [404, "UNKNOWN_GRANT"]);
  for (const replayed of [false, true]) {
    const { status, body } = await act("void", { user_id, ...CHAT, source_ref });
    assert.deepEqual([status, body], [200, { voided: true, forfeited: 20, replayed }]);
  }
  const reason = `goodwill; voided: asked by mail (operator ${operatorId})`;
  assert.deepEqual(await grantsOf(user_id), [`chat|20|${source_ref}|${reason}|||t`]);
  assert.equal((await status(user_id)).remaining, 3);
});

Deno.test("override: set, add, cap and deny, with the reason and the operator, once per request", async () => {
  const user_id = await newUser();
  const rules: [Record<string, unknown>, string][] = [
    [{ effect: "set", amount: 10 }, "set|10|period||f"],
    [{ effect: "add", amount: 5, ends_at: "2999-01-01T00:00:00Z" }, "add|5|period||t"],
    [{ effect: "cap", amount: 4, per: "rate", every: 60 }, "cap|4|rate|00:01:00|f"],
    [{ effect: "cap", amount: 8, per: "hour" }, "cap|8|hour||f"],
  ];
  for (const [rule] of rules) {
    const wanted = { user_id, ...CHAT, request_id: newId(), ...rule };
    for (const replayed of [false, true]) {
      const { status, body } = await act("override", wanted);
      assert.deepEqual([status, body.replayed], [200, replayed], JSON.stringify(body));
    }
    const amount = Number(rule.amount) + 1;
    const mismatch = await act("override", { ...wanted, amount });
    assert.deepEqual([mismatch.status, mismatch.body.error_code], [409, "RULE_MISMATCH"]);
  }
  assert.deepEqual(
    await rulesOf(user_id),
    rules.map(([, row]) => `chat|${row}|asked by mail|${operatorId}`),
  );
  const { limit, remaining } = await status(user_id);
  assert.deepEqual([limit, remaining], [15, 4]);
  await act("override", { user_id, ...CHAT, request_id: newId(), effect: "deny", amount: null });
  assert.equal((await status(user_id)).error_code, "DENIED");
});

Deno.test("override: 16 times at once makes one rule; one of later changes nothing yet", async () => {
  const user_id = await newUser();
  const wanted = { user_id, ...CHAT, request_id: newId(), effect: "set", amount: null };
  const later = { ...wanted, starts_at: "2999-01-01T00:00:00Z" };
  const answers = await Promise.all(Array.from({ length: 16 }, () => act("override", later)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal((await rulesOf(user_id)).length, 1);
  assert.equal((await status(user_id)).limit, 3);
});

Deno.test("end: a rule ends now, or before it begins, once; another user's does not", async () => {
  const [user_id, other] = [await newUser(), await newUser()];
  for (const starts_at of [null, "2999-01-01T00:00:00Z"]) {
    const made = await act("override", {
      user_id,
      ...CHAT,
      request_id: newId(),
      effect: "set",
      amount: 10,
      starts_at,
    });
    const { rule_id } = made.body;
    const stolen = await act("end", { user_id: other, rule_id });
    assert.deepEqual([stolen.status, stolen.body.error_code], [404, "UNKNOWN_RULE"]);
    const answers = await Promise.all(Array.from({ length: 8 }, () => act("end", { user_id, rule_id })));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(answers.filter(({ body }) => !body.replayed).length, 1);
  }
  const reason = `asked by mail; ended: asked by mail (operator ${operatorId})`;
  const row = `chat|set|10|period||t|${reason}|${operatorId}`;
  assert.deepEqual(await rulesOf(user_id), [row, row]);
  assert.equal((await status(user_id)).limit, 3);
  const active = `select count(*) from usage_rules where user_id = '${user_id}' and ends_at > starts_at
                     and ends_at > now()`;
  assert.deepEqual(await sql(active), ["0"]);
});

Deno.test("correct: adds to and takes from the count, once per request; too much is refused", async () => {
  const user_id = await userWithMessages(3);
  for (const [amount, current_usage] of [[-2, 1], [1, 2]]) {
    const wanted = { user_id, ...CHAT, request_id: newId(), amount };
    for (const replayed of [false, true]) {
      const { status, body } = await act("correct", wanted);
      assert.deepEqual([status, body], [200, { corrected: true, current_usage, overage: 0, replayed }]);
    }
    const mismatch = await act("correct", { ...wanted, amount: 2 * amount });
    assert.deepEqual([mismatch.status, mismatch.body.error_code], [409, "IDEMPOTENCY_MISMATCH"]);
  }
  const tooMuch = await act("correct", { user_id, ...CHAT, request_id: newId(), amount: -3 });
  assert.deepEqual([tooMuch.status, tooMuch.body.error_code], [409, "EXCEEDS_USAGE"]);
  assert.match(tooMuch.body.error, /^chat can't be corrected by -3: /);
  assert.equal((await status(user_id)).current_usage, 2);
});

Deno.test("an error of the database about the request is shown with its hint, others are not", async () => {
  const [user_id, request_id] = [await newUser(), newId()];
  const cases: [string, Record<string, unknown>, string, RegExp, RegExp | undefined][] = [
    ["grant", { feature_type: "images", amount: 1, request_id }, "22023", /unknown feature type/, /chat, /],
    [
      "override",
      { feature_type: "images", effect: "deny", amount: null, request_id },
      "22023",
      /images/,
      /chat, /,
    ],
    ["correct", { feature_type: "images", amount: 1, request_id }, "22023", /unknown feature/, /chat, /],
    [
      "grant",
      { ...CHAT, amount: 1, request_id, expires_at: "2020-01-01T00:00:00Z" },
      "22023",
      /is over/,
      /later/,
    ],
    ["correct", { ...CHAT, amount: 1e12, request_id }, "22003", /out of range/, /at most 2147483647/],
    [
      "override",
      { ...CHAT, effect: "add", amount: null, request_id },
      "23514",
      /amount_is_required/,
      undefined,
    ],
    [
      "override",
      { ...CHAT, effect: "set", amount: 1, ends_at: "2020-01-01T00:00:00Z", request_id },
      "23514",
      /ends_at_is_not_before_starts_at/,
      undefined,
    ],
    [
      "override",
      { ...CHAT, effect: "set", amount: 1, per: "hour", request_id },
      "23514",
      /per_is_for_cap/,
      undefined,
    ],
  ];
  for (const [action, more, code, message, hint] of cases) {
    const { status, body } = await act(action, { user_id, ...more });
    assert.deepEqual([status, body.error_code, body.rpc_code], [400, "DATABASE_ERROR", code]);
    assert.match(body.error, message);
    if (hint) assert.match(body.hint, hint);
  }
  assert.deepEqual([await grantsOf(user_id), await rulesOf(user_id)], [[], []]);
  const nobody = { user_id: newId(), ...CHAT, request_id };
  for (
    const answer of [
      await act("grant", { ...nobody, amount: 1 }),
      await act("override", { ...nobody, effect: "deny", amount: null }),
    ]
  ) {
    assert.deepEqual([answer.status, answer.body.error], [404, "There is no such user."]);
  }
});

const badInput: [Record<string, unknown>, RegExp][] = [
  [{ action: "delete" }, /^action: The actions are grant, void, override, end and correct/],
  [{ action: null }, /^action: The actions are /],
  [{ action: "grant", reason: undefined }, /^reason: /],
  [{ action: "grant", reason: " " }, /^reason: /],
  [{ action: "grant", reason: "a".repeat(501) }, /^reason: Too big/],
  [{ action: "grant", reason: "\0" }, /^reason: .*not a valid text/],
  [{ action: "grant", amount: 0 }, /^amount: .*>=1/],
  [{ action: "grant", amount: 1.5 }, /^amount: .*int/],
  [{ action: "grant", amount: "5" }, /^amount: .*number/],
  [{ action: "grant", amount: 2 ** 60 }, /^amount: /],
  [{ action: "grant", expires_at: "tomorrow" }, /^expires_at: /],
  [{ action: "grant", request_id: undefined }, /^request_id: /],
  [{ action: "grant", user_id: "alice@example.com" }, /^user_id: /],
  [{ action: "void", source_ref: "" }, /^source_ref: /],
  [{ action: "void", feature_type: undefined, source_ref: "a" }, /^feature_type: /],
  [{ action: "override", effect: "log" }, /^effect: /],
  [{ action: "override", effect: "set", amount: -1 }, /^amount: .*>=0/],
  [{ action: "override", effect: "cap", per: "quarter" }, /^per: /],
  [{ action: "override", effect: "cap", per: "rate", every: 0 }, /^every: .*>=1/],
  [{ action: "end", rule_id: "1" }, /^rule_id: /],
  [{ action: "end", rule_id: newId(), reason: "" }, /^reason: /],
  [{ action: "correct", amount: 0 }, /^amount: .*0 corrects nothing/],
  [{ action: "correct", amount: null }, /^amount: /],
  [{ report: "history", user_id: undefined }, /^user_id: /],
  [{ report: "history", user_id: "%" }, /^user_id: /],
];
for (const [more, message] of badInput) {
  Deno.test(`${JSON.stringify(more).slice(0, 80)}: 400, and nothing is written`, async () => {
    const user_id = await newUser();
    const good = { user_id, ...CHAT, amount: 5, reason: "asked by mail", request_id: newId() };
    const { status, body } = await post("operator", { ...good, ...more }, bearer);
    assert.equal(status, 400);
    assert.match(body.error, message);
    assert.deepEqual([await grantsOf(user_id), await rulesOf(user_id)], [[], []]);
  });
}

Deno.test("who is no operator is refused, and nothing is written", async () => {
  const user_id = await userWithMessages(3);
  const source_ref = newId();
  await service().rpc("grant_usage", {
    p_user_id: user_id,
    p_feature_type: "chat",
    p_amount: 20,
    p_source_ref: source_ref,
  });
  const made = await act("override", { user_id, ...CHAT, request_id: newId(), effect: "add", amount: 1 });
  const before = [await grantsOf(user_id), await rulesOf(user_id), await status(user_id)];
  const actions: Record<string, unknown>[] = [
    { action: "grant", ...CHAT, amount: 5, request_id: newId() },
    { action: "void", ...CHAT, source_ref },
    { action: "override", ...CHAT, request_id: newId(), effect: "set", amount: null },
    { action: "end", rule_id: made.body.rule_id },
    { action: "correct", ...CHAT, request_id: newId(), amount: -3 },
    { report: "history" },
  ];
  const users = await userToken(user_id);
  for (const action of actions) {
    const body = { user_id, reason: "please", ...action };
    const refused = await post("operator", body, users);
    assert.deepEqual([refused.status, refused.body.error_code], [403, "NOT_OPERATOR"]);
    for (const nobody of [undefined, anonKey]) {
      assert.equal((await post("operator", body, nobody)).status, 401);
    }
  }
  assert.deepEqual([await grantsOf(user_id), await rulesOf(user_id), await status(user_id)], before);
});

Deno.test("who was an operator when the token was signed, and is none now, reads but does not write", async () => {
  const [user_id, former] = [await newUser(), await newUser()];
  await setRole(former, '{"role": "operator"}');
  const token = await operatorToken(former);
  const grant = () =>
    post("operator", {
      action: "grant",
      user_id,
      ...CHAT,
      amount: 5,
      request_id: newId(),
      reason: "asked by mail",
    }, token);
  assert.equal((await grant()).status, 200);
  for (const metadata of ["{}", '{"role": "user"}']) {
    await setRole(former, metadata);
    const refused = await grant();
    assert.deepEqual([refused.status, refused.body.error_code], [403, "NOT_OPERATOR"]);
  }
  await sql(`delete from auth.users where id = '${former}'`);
  assert.equal((await grant()).status, 403);
  assert.equal((await grantsOf(user_id)).length, 1);
  assert.equal((await post("operator", { report: "history", user_id }, token)).status, 200);
});

Deno.test("the server may act as well, and is named", async () => {
  const user_id = await newUser();
  const body = { action: "grant", user_id, ...CHAT, amount: 5, request_id: newId(), reason: "a script" };
  assert.equal((await post("operator", body, serviceKey)).status, 200);
  assert.deepEqual(await sql(`select actor from usage_grants where user_id = '${user_id}'`), [
    "service_role",
  ]);
});

Deno.test("history: rules, grants and the ledger's entries, newest first, with who and why", async () => {
  const user_id = await userWithMessages(2);
  await sql(
    "insert into usage_rules (applies_to, feature_type, effect, source_ref) values ('all', 'chat', 'log', 'test')",
  );
  try {
    await act("grant", { user_id, ...CHAT, amount: 20, request_id: newId() });
    await act("correct", { user_id, ...CHAT, amount: -1, request_id: newId(), reason: "counted twice" });
    await act("override", { user_id, ...CHAT, request_id: newId(), effect: "add", amount: 5 });
    const { body: { rule_id } } = await act("override", {
      user_id,
      ...CHAT,
      request_id: newId(),
      effect: "cap",
      amount: 5,
      per: "rate",
      every: 60,
    });
    await act("end", { user_id, rule_id });
    const { rules, grants, entries } = await historyOf(user_id);
    // deno-lint-ignore no-explicit-any
    const brief = (rows: any[], ...keys: string[]) => rows.map((row) => keys.map((key) => row[key]));
    const actor = `${operatorId}@example.com`;
    assert.deepEqual(brief(rules, "effect", "amount", "per", "every", "can_be_ended", "actor"), [
      ["cap", 5, "rate", 60, false, actor],
      ["add", 5, "period", null, true, actor],
    ]);
    assert.deepEqual(brief(grants, "amount", "used", "can_be_voided", "reason", "actor"), [
      [20, 0, true, "asked by mail", actor],
    ]);
    assert.deepEqual(brief(entries, "kind", "amount", "reason"), [
      ["correct", -1, `counted twice (operator ${operatorId})`],
      ["grant", 0, null],
    ]);
    // Nothing of another user.
    assert.deepEqual(await historyOf(await newUser()), { rules: [], grants: [], entries: [] });
  } finally {
    await sql("delete from usage_rules where source_ref = 'test'");
  }
});

const functions: Record<string, (client: Client) => PromiseLike<{ error: { code: string } | null }>> = {
  operator_grant: (client) =>
    client.rpc("operator_grant", {
      p_user_id: operatorId,
      p_feature_type: "chat",
      p_amount: 1,
      p_source_ref: newId(),
      p_reason: "",
      p_actor: "",
    }),
  operator_end_rule: (client) =>
    client.rpc("operator_end_rule", { p_user_id: operatorId, p_rule_id: newId(), p_reason: "" }),
  operator_history: (client) => client.rpc("operator_history", { p_user_id: operatorId }),
};
for (const [name, call] of Object.entries(functions)) {
  Deno.test(`${name} is for service_role only`, async () => {
    for (const client of [anon(), signedIn(operatorId)]) {
      assert.equal((await call(client)).error?.code, NOT_ALLOWED);
    }
    assert.equal((await call(service())).error, null);
  });
}

// How edge functions refuse what rules limit or block: status, Retry-After, and what the body says.
import assert from "node:assert/strict";
import { addRule, imagesCounted, newPool, newUser, sql, sum, usedByPool } from "./support/database.ts";
import { ModelServer } from "./support/model.ts";
import { type Answer, chat_id, post, service, userToken } from "./support/stack.ts";
import { checkLimit, consume, reserve } from "../../supabase/functions/_shared/limitChecker.ts";
import { refusal } from "../../supabase/functions/_shared/refusal.ts";
import { noImage } from "../../supabase/functions/llm-handler/noImage.ts";

const EXPOSED = "Access-Control-Expose-Headers";

const ask = async (userId: string, message = "Hello") =>
  await post("llm-handler", { chat_id, message, user_id: userId }, await userToken(userId));

const messagesCounted = (userId: string) => sum("chat_messages", userId);

const about = (user_id: string, feature_type = "chat") => ({ applies_to: "user", user_id, feature_type });

/** The seconds of Retry-After; null without the header. */
function retryAfter({ headers }: Answer): number | null {
  const header = headers.get("Retry-After");
  if (header !== null) assert.match(header, /^[1-9]\d*$/);
  return header === null ? null : Number(header);
}

const seconds = (count: number) => new Promise((resolve) => setTimeout(resolve, 1000 * count));

Deno.test("a rate-limited call is a 429 with Retry-After, and works again after the wait", async () => {
  const userId = await newUser("growth");
  await addRule({ ...about(userId), effect: "cap", amount: 1, per: "rate", every: "2 seconds" });
  const answers = await Promise.all([1, 2, 3].map(() => ask(userId)));
  const refused = answers.filter(({ status }) => status === 429);
  // On a slow machine, more than one may be far enough apart.
  assert.equal(answers.length - refused.length, await messagesCounted(userId));
  assert.ok(refused.length >= 1);
  for (const answer of refused) {
    const { error, error_code, retry_after, exceeded } = answer.body;
    assert.deepEqual([error, error_code], ["chat rate exceeded (1 per 2 seconds)", "RATE_LIMITED"]);
    assert.ok(retryAfter(answer)! <= 2);
    assert.equal(retry_after, retryAfter(answer));
    assert.deepEqual([exceeded.length, exceeded[0].per, exceeded[0].every], [1, "rate", 2]);
    assert.match(answer.headers.get(EXPOSED) ?? "", /Retry-After/);
  }
  const before = await messagesCounted(userId);
  await seconds(Math.max(...refused.map((answer) => retryAfter(answer)!)));
  assert.equal((await ask(userId)).status, 200);
  assert.equal(await messagesCounted(userId), before + 1);
});

Deno.test("a cap that starts again is a 429 with Retry-After, and says which cap it was", async () => {
  const userId = await newUser("premium");
  await addRule({ ...about(userId), effect: "cap", amount: 1, per: "hour" });
  assert.equal((await ask(userId)).status, 200);
  const answer = await ask(userId);
  assert.deepEqual([answer.status, answer.body.error_code, answer.body.limit], [429, "LIMIT_EXCEEDED", null]);
  assert.ok(retryAfter(answer)! <= 3600);
  const [{ reset_at, ...cap }] = answer.body.exceeded;
  assert.deepEqual(cap, {
    effect: "cap",
    per: "hour",
    scope: "user",
    feature_type: "chat",
    limit: 1,
    used: 1,
  });
  assert.match(reset_at, /:00:00Z$/);
  assert.equal(await messagesCounted(userId), 1);
});

Deno.test("a cap that never starts again has no Retry-After", async () => {
  const userId = await newUser("growth");
  await addRule({ ...about(userId), effect: "cap", amount: 1, per: "total" });
  assert.equal((await ask(userId)).status, 200);
  const answer = await ask(userId);
  assert.deepEqual([answer.status, answer.body.error_code], [429, "LIMIT_EXCEEDED"]);
  assert.deepEqual([retryAfter(answer), answer.body.retry_after], [null, null]);
});

Deno.test("without a rule, a limit that is reached has no Retry-After, as before", async () => {
  const userId = await newUser();
  for (let message = 0; message < 3; message++) await ask(userId);
  const answer = await ask(userId);
  assert.deepEqual([answer.status, answer.body.error_code, retryAfter(answer)], [
    429,
    "LIMIT_EXCEEDED",
    null,
  ]);
  assert.deepEqual([answer.body.retry_after, answer.body.exceeded], [undefined, undefined]);
});

Deno.test("a blocked user gets a 403, no model is asked, and nothing is counted", async () => {
  await using model = new ModelServer();
  const userId = await newUser("premium");
  await addRule({ ...about(userId), effect: "deny", reason: "spam" });
  await addRule({ ...about(userId, "image_generation"), effect: "deny", reason: "spam" });
  const wanted = { chat_id, prompt: "a cat", user_id: userId };
  const answers = [await ask(userId), await post("image-generate", wanted, await userToken(userId))];
  for (const [place, name] of ["chat", "image_generation"].entries()) {
    const { status, body } = answers[place];
    assert.deepEqual([status, body.error_code, body.error], [403, "DENIED", `${name} is blocked`]);
    assert.equal(retryAfter(answers[place]), null);
    // The reason is for operators.
    assert.doesNotMatch(JSON.stringify(body), /spam/);
  }
  assert.equal(model.asked, 0);
  assert.deepEqual([await messagesCounted(userId), await imagesCounted(userId)], [0, 0]);
  assert.deepEqual(await sql(`select 1 from feature_reservations where user_id = '${userId}'`), []);
});

Deno.test("an image over the rate is not made; the message that asks for one is answered in a sentence", async () => {
  await using model = new ModelServer();
  const userId = await newUser("growth");
  await addRule({
    ...about(userId, "image_generation"),
    effect: "cap",
    amount: 1,
    per: "rate",
    every: "1 hour",
  });
  const make = async () =>
    await post("image-generate", { chat_id, prompt: "a cat", user_id: userId }, await userToken(userId));
  assert.equal((await make()).status, 200);
  const refused = await make();
  assert.deepEqual([refused.status, refused.body.error_code], [429, "RATE_LIMITED"]);
  assert.ok(retryAfter(refused)! > 3000 && retryAfter(refused)! <= 3600);
  const { status, body } = await ask(userId, "draw a cat");
  assert.deepEqual([status, body.offer], [200, undefined]);
  assert.match(body.reply, /^Those are too many images at once; ask again in (59|60) minutes\.$/);
  assert.deepEqual([model.made, await imagesCounted(userId)], [1, 1]);
});

Deno.test("who is no member of a team, and a team that does not exist, are a 403 in plain words", async () => {
  await using model = new ModelServer();
  const [userId, member] = [await newUser("premium"), await newUser()];
  const refused: [string, string, string][] = [
    [await newPool([member]), "NOT_A_MEMBER", "You are not a member of this team."],
    [crypto.randomUUID(), "UNKNOWN_POOL", "There is no such team."],
  ];
  for (const [pool_id, code, sentence] of refused) {
    const wanted = { chat_id, prompt: "a cat", user_id: userId, pool_id };
    const answer = await post("image-generate", wanted, await userToken(userId));
    const { error, error_code } = answer.body;
    assert.deepEqual([answer.status, error_code, error], [403, code, sentence]);
    assert.equal(retryAfter(answer), null);
    assert.deepEqual(await usedByPool(pool_id, "image_generation"), 0);
    for (
      const denied of [
        await consume(service(), userId, "chat", 1, undefined, pool_id),
        await reserve(service(), userId, "chat", 1, { poolId: pool_id }),
      ]
    ) {
      const { status, message, details } = refusal(denied);
      assert.deepEqual([status, details.error_code, message], [403, code, sentence]);
    }
  }
  // Nothing falls back to what the user may use alone.
  assert.deepEqual([model.asked, await imagesCounted(userId)], [0, 0]);
  assert.deepEqual(await sql(`select 1 from feature_reservations where user_id = '${userId}'`), []);
});

Deno.test("a member's cap is a 429 with Retry-After that says whose cap it is", async () => {
  await using model = new ModelServer();
  const [userId, other] = [await newUser(), await newUser()];
  const pool_id = await newPool([userId, other]);
  const cap = { pool_id, feature_type: "image_generation", effect: "cap", amount: 1, per: "day" };
  await addRule({ ...cap, applies_to: "member" });
  const make = async (user_id: string) =>
    await post("image-generate", { chat_id, prompt: "a cat", user_id, pool_id }, await userToken(user_id));
  assert.equal((await make(userId)).status, 200);
  const answer = await make(userId);
  assert.deepEqual([answer.status, answer.body.error_code], [429, "LIMIT_EXCEEDED"]);
  assert.ok(retryAfter(answer)! <= 24 * 3600);
  assert.equal(answer.body.exceeded[0].scope, "member");
  assert.equal((await make(other)).status, 200);
  assert.deepEqual([model.made, await usedByPool(pool_id, "image_generation")], [2, 2]);
  assert.deepEqual([await imagesCounted(userId), await imagesCounted(other)], [0, 0]);
});

Deno.test("the chat says in one sentence that images are blocked, or that a cap is reached", () => {
  assert.equal(noImage({ allowed: false, error_code: "DENIED" }), "Images are blocked for your account.");
  const cap = { per: "hour", scope: "user", limit: 1, used: 1, reset_at: null };
  const exceeded = [{ ...cap, effect: "cap", feature_type: "image_generation" }];
  assert.match(
    noImage({ allowed: false, error_code: "LIMIT_EXCEEDED", limit: null, exceeded }),
    /as many images as you can for now\.$/,
  );
});

Deno.test("limitChecker returns sources and caps of an allowed call, exceeded and retry_after of a denied one", async () => {
  const userId = await newUser("growth");
  await addRule({ ...about(userId), effect: "cap", amount: 2, per: "rate", every: "1 hour" });
  const checked = await checkLimit(service(), userId, "chat");
  assert.deepEqual(checked.sources, { allowance: 1, grants: 0, overage: 0 });
  const consumed = await consume(service(), userId, "chat");
  assert.deepEqual([consumed.sources?.allowance, consumed.caps?.[0].remaining], [1, 1]);
  assert.deepEqual([consumed.caps?.[0].per, consumed.caps?.[0].every], ["rate", 3600]);
  assert.equal(consumed.retry_after, undefined);
  const reserved = await reserve(service(), userId, "chat");
  assert.deepEqual([reserved.allowed, reserved.caps?.[0].remaining], [true, 0]);
  for (
    const denied of [
      await checkLimit(service(), userId, "chat"),
      await consume(service(), userId, "chat"),
      await reserve(service(), userId, "chat"),
    ]
  ) {
    assert.deepEqual([denied.allowed, denied.error_code], [false, "RATE_LIMITED"]);
    assert.deepEqual([denied.exceeded?.[0].limit, denied.exceeded?.[0].effect], [2, "cap"]);
    assert.ok(denied.retry_after! > 1700 && denied.retry_after! <= 1800);
    assert.equal(denied.sources, undefined);
    assert.equal(refusal(denied).headers["Retry-After"], String(denied.retry_after));
  }
});

Deno.test("a feature that is counted in total, and never resets, is answered too", async () => {
  const userId = await newUser("growth");
  await sql("update usage_features set period = 'total' where feature_type = 'insights'");
  try {
    const { allowed, reset_at } = await consume(service(), userId, "insights");
    assert.deepEqual([allowed, reset_at], [true, null]);
  } finally {
    await sql("update usage_features set period = 'month' where feature_type = 'insights'");
  }
});

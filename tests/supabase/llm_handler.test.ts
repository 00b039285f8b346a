// The edge function llm-handler: counts each message, and offers an image only if the daily limit has room.
import assert from "node:assert/strict";
import { HttpError } from "../../supabase/functions/_shared/http.ts";
import { chat } from "../../supabase/functions/llm-handler/chat.ts";
import type { ChatModel } from "../../supabase/functions/llm-handler/model.ts";
import { noImage } from "../../supabase/functions/llm-handler/noImage.ts";
import { imagesCounted, newUser, sql, sum } from "./support/database.ts";
import { chat_id, post, service, userToken } from "./support/stack.ts";

const today = () => new Date().toISOString().slice(0, 10);

async function ask(userId: string, message: string) {
  return await post("llm-handler", { chat_id, message, user_id: userId }, await userToken(userId));
}

const messagesCounted = (userId: string) => sum("chat_messages", userId);

/** The start of the next day. */
const tomorrow = () => new Date(Date.parse(today()) + 86_400_000);

Deno.test("each message of a free user is counted, and the fourth of a day is refused", async () => {
  const userId = await newUser();
  for (const used of [1, 2, 3]) {
    const { status, body } = await ask(userId, "How are you?");
    assert.deepEqual([status, body], [200, {
      chat_id,
      reply: "You said: How are you?",
      limit: 3,
      used,
      remaining: 3 - used,
    }]);
  }
  const { status, body } = await ask(userId, "How are you?");
  assert.deepEqual([status, body], [429, {
    error: "chat limit exceeded (3/3)",
    error_code: "LIMIT_EXCEEDED",
    feature_type: "chat",
    period: today(),
    limit: 3,
    used: 3,
    remaining: 0,
    reset_at: tomorrow().toISOString().replace(".000Z", "Z"),
  }]);
  assert.equal(await messagesCounted(userId), 3);
});

Deno.test("20 concurrent messages of a free user: exactly 3 are answered", async () => {
  const userId = await newUser();
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(userId, "Hello")));
  assert.equal(answers.filter((answer) => answer.status === 200).length, 3);
  assert.equal(answers.filter((answer) => answer.status === 429).length, 17);
  assert.equal(await messagesCounted(userId), 3);
});

Deno.test("a plan without a limit answers every message", async () => {
  const userId = await newUser("premium");
  for (const used of [1, 2, 3, 4]) {
    const { status, body } = await ask(userId, "Hello");
    assert.deepEqual([status, body.limit, body.used, body.remaining], [200, null, used, null]);
  }
});

Deno.test("the model gets each message that is counted, and none that is refused", async () => {
  const asked: string[] = [];
  const model: ChatModel = {
    answer: (message) => {
      asked.push(message);
      return Promise.resolve({ text: "Yes." });
    },
  };
  const userId = await newUser();
  for (const message of ["1", "2", "3"]) await chat(service(), model, userId, message);
  await assert.rejects(
    chat(service(), model, userId, "4"),
    (error) => error instanceof HttpError && error.status === 429,
  );
  assert.deepEqual(asked, ["1", "2", "3"]);
  assert.equal(await messagesCounted(userId), 3);
});

Deno.test("an image is offered if one is left, and the offer counts nothing", async () => {
  const userId = await newUser();
  const { status, body } = await ask(userId, "Please draw a cat on a roof");
  assert.equal(status, 200);
  assert.deepEqual(body.offer, { function: "image-generate", prompt: "a cat on a roof" });
  assert.equal(await imagesCounted(userId), 0);
});

Deno.test("at the limit, one friendly sentence says when it resets", async () => {
  const userId = await newUser();
  await service().rpc("increment_images_generated", { p_user_id: userId, p_count: 3, p_period: today() });
  const { status, body } = await ask(userId, "Please draw a cat");
  assert.equal(status, 200);
  assert.equal(body.offer, undefined);
  const date = tomorrow().toLocaleDateString("en-GB", { day: "numeric", month: "long", timeZone: "UTC" });
  assert.equal(
    body.reply,
    `You have made all 3 images of today; you can make more from ${date}, 00:00 UTC.`,
  );
  assert.equal(await messagesCounted(userId), 1);
});

Deno.test("any other denial of an image is one sentence too", () => {
  // Only a plan without images, or one that changes between the message and its answer, comes here.
  assert.match(noImage({ allowed: false, error_code: "LIMIT_EXCEEDED", limit: 0 }), /^Images are not .+\.$/);
  assert.match(noImage({ allowed: false, error_code: "NO_SUBSCRIPTION" }), /^[^.]+ subscription\.$/);
});

Deno.test("a user whose plan does not allow anything is refused with the reason, and nothing is counted", async () => {
  const userId = await newUser("growth");
  const refusedAfter = async (change: string) => {
    await sql(`update user_plans set ${change} where user_id = '${userId}'`);
    const { status, body } = await ask(userId, "draw a cat");
    assert.deepEqual([body.reply, body.offer, body.feature_type], [undefined, undefined, "chat"]);
    return [status, body.error_code, body.trial_end_date];
  };
  assert.deepEqual(await refusedAfter("status = 'canceled'"), [403, "NO_SUBSCRIPTION", undefined]);
  assert.deepEqual(
    await refusedAfter("plan_id = 'free', trial_end_date = '2020-01-01T00:00:00Z'"),
    [403, "TRIAL_EXPIRED", "2020-01-01T00:00:00Z"],
  );
  assert.deepEqual(await refusedAfter("plan_id = 'gold', status = 'active'"), [
    403,
    "UNKNOWN_PLAN",
    undefined,
  ]);
  assert.equal(await messagesCounted(userId), 0);
});

Deno.test("a message without a wish for an image gets no offer", async () => {
  const userId = await newUser();
  const { status, body } = await ask(userId, "How are you?");
  assert.deepEqual([status, body.reply, body.offer], [200, "You said: How are you?", undefined]);
});

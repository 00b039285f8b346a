// The edge function llm-handler: offers an image only if the daily limit has room.
import assert from "node:assert/strict";
import { imagesCounted, newUser, sql } from "./support/database.ts";
import { chat_id, post, service, userToken } from "./support/stack.ts";

const today = () => new Date().toISOString().slice(0, 10);

async function ask(userId: string, message: string) {
  return await post("llm-handler", { chat_id, message, user_id: userId }, await userToken(userId));
}

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
  const tomorrow = new Date(Date.parse(today()) + 86_400_000)
    .toLocaleDateString("en-GB", { day: "numeric", month: "long", timeZone: "UTC" });
  assert.equal(
    body.reply,
    `You have made all 3 images of today; you can make more from ${tomorrow}, 00:00 UTC.`,
  );
});

Deno.test("any other denial is one sentence too, without an offer", async () => {
  const userId = await newUser("growth");
  const plan = (set: string) => sql(`update user_plans set ${set} where user_id = '${userId}'`);
  const reply = async () => {
    const { body } = await ask(userId, "draw a cat");
    assert.equal(body.offer, undefined);
    assert.match(body.reply, /^[^.]+\.$/);
    return body.reply;
  };
  await plan("status = 'canceled'");
  assert.match(await reply(), /subscription/);
  await plan("plan_id = 'free', trial_end_date = '2020-01-01'");
  assert.match(await reply(), /trial has ended/);
});

Deno.test("a message without a wish for an image gets no offer", async () => {
  const userId = await newUser();
  const { status, body } = await ask(userId, "How are you?");
  assert.deepEqual([status, body.reply, body.offer], [200, "You said: How are you?", undefined]);
});

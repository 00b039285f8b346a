// If the database is down or lacks a function: a clear answer; nothing is counted or generated.
import assert from "node:assert/strict";
import { imagesCounted, newUser, run, sql, until } from "./support/database.ts";
import { ModelServer } from "./support/model.ts";
import { checkout, deliver, newPaymentId } from "./support/stripe.ts";
import { chat_id, post, service, serviceKey, setting, userToken } from "./support/stack.ts";
import { checkLimit, incrementUsage, reserve } from "../../supabase/functions/_shared/limitChecker.ts";

async function database(action: "start" | "stop") {
  const script = `source dev/common.sh; source dev/cluster.sh; cluster_${action} ${setting("CLUSTER")}`;
  await run("bash", ["-c", script]);
}

async function withoutDatabase(test: () => Promise<void>) {
  await database("stop");
  try {
    await test();
  } finally {
    await database("start");
  }
}

Deno.test("with the database down, the edge functions report it and make nothing", async () => {
  await using model = new ModelServer();
  const userId = await newUser();
  const bearer = await userToken(userId);
  const ask = () => post("image-generate", { chat_id, prompt: "a cat", user_id: userId }, bearer);
  await withoutDatabase(async () => {
    const image = await ask();
    assert.deepEqual([image.status, image.body.error_code], [503, "RPC_ERROR"]);
    assert.match(image.body.error, /can't be counted at the moment/);
    const chat = await post("llm-handler", { chat_id, message: "draw a cat", user_id: userId }, bearer);
    assert.deepEqual([chat.status, chat.body.error_code, chat.body.offer], [503, "RPC_ERROR", undefined]);
    const plan = await post("change-plan", { user_id: userId, plan_id: "growth" }, bearer);
    assert.deepEqual([plan.status, plan.body.error_code], [503, "RPC_ERROR"]);
    assert.match(plan.body.error, /Plans can't be changed at the moment/);
    const report = await post("operator", { report: "near_limit" }, serviceKey);
    assert.deepEqual([report.status, report.body.error_code], [503, "RPC_ERROR"]);
    assert.match(report.body.error, /report can't be made at the moment/);
    assert.equal((await checkLimit(service(), userId, "chat")).error_code, "RPC_ERROR");
    assert.equal((await reserve(service(), userId, "chat")).allowed, false);
    assert.equal((await incrementUsage(service(), userId, "chat", 1)).success, false);
  });
  assert.equal(model.made, 0);
  assert.equal(await imagesCounted(userId), 0);
  // Once the database is back, the functions work again.
  assert.equal((await ask()).status, 200);
  assert.equal(await imagesCounted(userId), 1);
});

Deno.test("with the database down, a payment is a 503, so that Stripe sends it again, and then it is granted", async () => {
  const paid = checkout(await newUser(), newPaymentId());
  const pay = () => deliver("checkout.session.completed", paid);
  await withoutDatabase(async () => {
    const { status, body } = await pay();
    assert.deepEqual([status, body.error_code], [503, "RPC_ERROR"]);
    assert.match(body.error, /Nothing can be granted at the moment/);
  });
  const { status, body } = await pay();
  assert.deepEqual([status, body.granted, body.replayed], [200, 100, false]);
});

Deno.test("an image made while the database goes down is not returned; its reservation expires", async () => {
  await using model = new ModelServer();
  const userId = await newUser();
  const open = Promise.withResolvers<void>();
  model.gate = open.promise;
  const pending = post(
    "image-generate",
    { chat_id, prompt: "a cat", user_id: userId },
    await userToken(userId),
  );
  await until(async () => await imagesCounted(userId) === 1);
  await withoutDatabase(async () => {
    open.resolve();
    const { status, body } = await pending;
    assert.deepEqual([status, body.image_url], [502, undefined]);
  });
  // The release could not reach the database, so the reservation has to expire.
  await sql(`update feature_reservations set expires_at = now() where user_id = '${userId}'`);
  assert.equal((await checkLimit(service(), userId, "image_generation")).current_usage, 0);
});

Deno.test("an image whose commit fails is not returned; repeating the request counts it", async () => {
  await using model = new ModelServer();
  const userId = await newUser();
  const bearer = await userToken(userId);
  const wanted = { chat_id, prompt: "a cat", user_id: userId, image_id: crypto.randomUUID() };
  const rename = (from: string, to: string) =>
    sql(`alter function ${from} rename to ${to}`, { role: "supabase_admin" });
  await rename("commit_reservation", "commit_reservation_kept");
  try {
    const { status, body } = await post("image-generate", wanted, bearer);
    assert.deepEqual([status, body.error_code, body.image_url], [503, "RPC_ERROR", undefined]);
  } finally {
    await rename("commit_reservation_kept", "commit_reservation");
  }
  await sql(`update feature_reservations set expires_at = now() where user_id = '${userId}'`);
  assert.equal((await checkLimit(service(), userId, "image_generation")).current_usage, 0);
  const { status, body } = await post("image-generate", wanted, bearer);
  assert.equal(status, 200);
  assert.match(body.image_url, /^data:image/);
  assert.deepEqual([model.made, await imagesCounted(userId)], [1, 1]);
});

for (const name of ["reserve_feature", "check_feature_limit", "consume_feature"] as const) {
  Deno.test(`with ${name} missing, the edge functions report it and make nothing`, async () => {
    await using model = new ModelServer();
    const userId = await newUser();
    const rename = (from: string, to: string) =>
      sql(`alter function ${from} rename to ${to}; notify pgrst, 'reload schema'`, {
        role: "supabase_admin",
      });
    await rename(name, `${name}_kept`);
    try {
      const answer = name === "reserve_feature"
        ? await post("image-generate", { chat_id, prompt: "a cat", user_id: userId }, await userToken(userId))
        : await post(
          "llm-handler",
          { chat_id, message: "draw a cat", user_id: userId },
          await userToken(userId),
        );
      if (name === "check_feature_limit") {
        // The message is counted, so it is answered, without an offer.
        assert.deepEqual([answer.status, answer.body.offer], [200, undefined]);
        assert.match(answer.body.reply, /can't make images/);
      } else {
        assert.deepEqual([answer.status, answer.body.error_code], [503, "RPC_ERROR"]);
        assert.match(answer.body.error, /Try again later/);
      }
    } finally {
      await rename(`${name}_kept`, name);
      // The REST server notices a moment later.
      await until(async () =>
        (await service().rpc(name, { p_user_id: userId, p_feature_type: "" })).error === null
      );
    }
    assert.equal(model.made, 0);
    assert.equal(await imagesCounted(userId), 0);
  });
}

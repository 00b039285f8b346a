// The edge function image-generate: images and counts always match.
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { decode } from "fast-png";
import { imagesCounted, newPool, newUser, sql, until, usedByPool } from "./support/database.ts";
import { ModelServer } from "./support/model.ts";
import { type Answer, chat_id, post, service, serviceKey, signedIn, userToken } from "./support/stack.ts";

const request = (user_id: string, more = {}) => ({ chat_id, prompt: "a cat", user_id, ...more });

Deno.test("a signed-in user gets a PNG, which is counted and stored", async () => {
  await using model = new ModelServer();
  const userId = await newUser();
  const { status, body } = await post(
    "image-generate",
    request(userId, { mode: "chat" }),
    await userToken(userId),
  );
  assert.equal(status, 200);
  const png = decode(Buffer.from(body.image_url.replace("data:image/png;base64,", ""), "base64"));
  assert.deepEqual([png.width, png.height], [256, 256]);
  assert.deepEqual([body.chat_id, body.mode, body.limit, body.used, body.remaining], [
    chat_id,
    "chat",
    3,
    1,
    2,
  ]);
  assert.equal(model.made, 1);
  assert.equal(await imagesCounted(userId), 1);
  const kept = await service().from("generated_images").select("id, prompt").eq("user_id", userId);
  assert.deepEqual(kept.data, [{ id: body.image_id, prompt: "a cat" }]);
  assert.deepEqual(await sql(`select status from feature_reservations where user_id = '${userId}'`), [
    "committed",
  ]);
});

Deno.test("the official client of edge functions gets one too", async () => {
  await using _model = new ModelServer();
  const userId = await newUser();
  const { data, error } = await signedIn(userId).functions.invoke("image-generate", {
    body: request(userId),
  });
  assert.equal(error, null);
  assert.match(data.image_url, /^data:image\/png/);
});

Deno.test("50 concurrent requests with a limit of 3 make exactly 3 images", async () => {
  await using model = new ModelServer();
  const userId = await newUser();
  const bearer = await userToken(userId);
  // No image is finished before all requests have been admitted or denied.
  const open = Promise.withResolvers<void>();
  model.gate = open.promise;
  let refused = 0;
  const requests = Array.from({ length: 50 }, async () => {
    const answer = await post("image-generate", request(userId), bearer);
    if (answer.status !== 200) refused += 1;
    return answer;
  });
  await until(() => model.asked + refused === 50);
  open.resolve();
  const answers = await Promise.all(requests);
  assert.equal(answers.filter((answer) => answer.status === 200).length, 3);
  for (const { status, body } of answers.filter((answer) => answer.status !== 200)) {
    assert.equal(status, 429);
    assert.match(body.error, /limit exceeded/);
    assert.deepEqual([body.limit, body.used, body.remaining], [3, 3, 0]);
  }
  assert.equal(model.made, 3);
  assert.equal(await imagesCounted(userId), 3);
});

Deno.test("a request repeated with its image_id gets the same image and is counted once", async () => {
  await using model = new ModelServer();
  const userId = await newUser();
  const bearer = await userToken(userId);
  const wanted = { ...request(userId), image_id: crypto.randomUUID() };
  const first = await post("image-generate", wanted, bearer);
  const second = await post("image-generate", { ...wanted, image_id: wanted.image_id.toUpperCase() }, bearer);
  assert.deepEqual([first.status, second.status], [200, 200]);
  assert.equal(second.body.image_url, first.body.image_url);
  assert.equal(model.made, 1);
  assert.equal(await imagesCounted(userId), 1);
});

Deno.test("a used image_id is refused for another prompt; another user gets another image", async () => {
  await using model = new ModelServer();
  const [userId, other] = [await newUser(), await newUser()];
  const image_id = crypto.randomUUID();
  const first = await post("image-generate", request(userId, { image_id }), await userToken(userId));
  const answer = await post(
    "image-generate",
    request(userId, { image_id, prompt: "a dog" }),
    await userToken(userId),
  );
  assert.equal(answer.status, 409);
  assert.match(answer.body.error, /another prompt/);
  assert.equal(model.made, 1);
  // For another user it is a new id, of their own image, however often they ask.
  for (let nth = 0; nth < 2; nth++) {
    const theirs = await post(
      "image-generate",
      request(other, { image_id, prompt: "a dog" }),
      await userToken(other),
    );
    assert.equal(theirs.status, 200);
    assert.notEqual(theirs.body.image_url, first.body.image_url);
  }
  assert.equal(model.made, 2);
  assert.deepEqual([await imagesCounted(userId), await imagesCounted(other)], [1, 1]);
});

Deno.test("a request repeated while its image is being made is a 409, and counted once", async () => {
  await using model = new ModelServer();
  const userId = await newUser();
  const bearer = await userToken(userId);
  const wanted = request(userId, { image_id: crypto.randomUUID() });
  const open = Promise.withResolvers<void>();
  model.gate = open.promise;
  const first = post("image-generate", wanted, bearer);
  await until(() => model.asked === 1);
  let early: Answer | undefined;
  const second = post("image-generate", wanted, bearer).then((answer) => early = answer);
  await until(() => early !== undefined || model.asked === 2);
  open.resolve();
  assert.equal((await first).status, 200);
  await second;
  assert.equal(early?.status, 409);
  assert.match(early?.body.error, /not ready/);
  assert.equal(early?.body.error_code, "IMAGE_NOT_READY");
  assert.equal(model.made, 1);
  assert.equal(await imagesCounted(userId), 1);
});

for (
  const [what, failure] of Object.entries<() => Response>({
    "an error": () => new Response("out of order", { status: 500 }),
    "no image": () => Response.json({ data: [] }),
    "no JSON": () => new Response("<html>"),
  })
) {
  Deno.test(`a generation that fails with ${what} is not counted`, async () => {
    await using model = new ModelServer();
    model.failure = failure;
    const userId = await newUser();
    const image_id = crypto.randomUUID();
    const { status, body } = await post(
      "image-generate",
      request(userId, { image_id }),
      await userToken(userId),
    );
    assert.equal(status, 502);
    assert.match(body.error, /not counted/);
    assert.equal(body.error_code, "IMAGE_FAILED");
    assert.equal(await imagesCounted(userId), 0);
    assert.deepEqual(await sql(`select status from feature_reservations where user_id = '${userId}'`), [
      "released",
    ]);
    const again = await post("image-generate", request(userId, { image_id }), await userToken(userId));
    assert.deepEqual([again.status, again.body.error_code], [409, "IMAGE_FAILED"]);
    // All three images of the day are still available.
    model.failure = undefined;
    for (let image = 0; image < 3; image++) {
      assert.equal((await post("image-generate", request(userId), await userToken(userId))).status, 200);
    }
    assert.equal((await post("image-generate", request(userId), await userToken(userId))).status, 429);
  });
}

Deno.test("an image that cannot be stored is neither returned nor counted", async () => {
  await using _model = new ModelServer();
  const userId = await newUser();
  await sql("alter table generated_images add constraint full_disk check (png_base64 = '') not valid");
  try {
    assert.equal((await post("image-generate", request(userId), await userToken(userId))).status, 502);
  } finally {
    await sql("alter table generated_images drop constraint full_disk");
  }
  assert.equal(await imagesCounted(userId), 0);
});

Deno.test("an image whose reservation was released meanwhile is not returned", async () => {
  await using model = new ModelServer();
  const userId = await newUser();
  const open = Promise.withResolvers<void>();
  model.gate = open.promise.then(async () => {
    await sql(
      `select release_reservation(reservation_id) from feature_reservations where user_id = '${userId}'`,
    );
  });
  const pending = post("image-generate", request(userId), await userToken(userId));
  await until(async () => await imagesCounted(userId) === 1);
  open.resolve();
  const { status, body } = await pending;
  assert.equal(status, 409);
  assert.equal(body.image_url, undefined);
  assert.equal(await imagesCounted(userId), 0);
});

Deno.test("the server may make an image for any existing user", async () => {
  await using model = new ModelServer();
  const userId = await newUser();
  assert.equal((await post("image-generate", request(userId), serviceKey)).status, 200);
  assert.equal(await imagesCounted(userId), 1);
  const nobody = await post("image-generate", request(crypto.randomUUID()), serviceKey);
  assert.equal(nobody.status, 404);
  assert.match(nobody.body.error, /no such user/);
  assert.equal(model.made, 1);
});

Deno.test("a user whose plan does not allow images is refused with the reason", async () => {
  await using model = new ModelServer();
  const userId = await newUser("growth");
  const ask = async () => await post("image-generate", request(userId), await userToken(userId));
  await sql(`update user_plans set status = 'canceled' where user_id = '${userId}'`);
  assert.deepEqual([(await ask()).status, (await ask()).body.error_code], [403, "NO_SUBSCRIPTION"]);
  await sql(
    `update user_plans set plan_id = 'free', trial_end_date = '2020-01-01' where user_id = '${userId}'`,
  );
  assert.deepEqual([(await ask()).status, (await ask()).body.error_code], [403, "TRIAL_EXPIRED"]);
  await sql(`update user_plans set plan_id = 'gold', status = 'active' where user_id = '${userId}'`);
  assert.deepEqual([(await ask()).status, (await ask()).body.error_code], [403, "UNKNOWN_PLAN"]);
  assert.equal(model.made, 0);
});

Deno.test("an image for a team is counted in its pool, once per image_id, and given back if it fails", async () => {
  await using model = new ModelServer();
  const userId = await newUser();
  const pool_id = await newPool([userId]);
  const bearer = await userToken(userId);
  const wanted = request(userId, { image_id: crypto.randomUUID(), pool_id });
  const first = await post("image-generate", wanted, bearer);
  assert.deepEqual([first.status, first.body.limit, first.body.used], [200, 10, 1]);
  const again = await post("image-generate", { ...wanted, pool_id: pool_id.toUpperCase() }, bearer);
  assert.deepEqual([again.status, again.body.image_url], [200, first.body.image_url]);
  // The same image is not to be had from another budget.
  const own = await post("image-generate", { ...wanted, pool_id: undefined }, bearer);
  assert.deepEqual([own.status, own.body.error_code], [409, "IDEMPOTENCY_MISMATCH"]);
  model.failure = () => new Response("no", { status: 500 });
  assert.equal((await post("image-generate", request(userId, { pool_id }), bearer)).status, 502);
  assert.deepEqual([model.made, await usedByPool(pool_id, "image_generation")], [1, 1]);
  assert.equal(await imagesCounted(userId), 0);
});

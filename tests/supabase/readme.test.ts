// Runs the README's JavaScript unchanged. The first line of each snippet says where it runs.
import assert from "node:assert/strict";
import { imagesCounted, newUser } from "./support/database.ts";
import { service, signedIn } from "./support/stack.ts";

const QUICK = "// In an edge function, with the service key: what is quick";
const SLOW = "// In an edge function, with the service key: what is slow";
const IN_THE_APP = "// In the app, as the signed-in user";

const readme = await Deno.readTextFile("README.md");
const snippets = [...readme.matchAll(/```js\n(.*?)\n```/gs)].map(([, code]) => code);
const running = (where: string) => snippets.filter((code) => code.startsWith(where));

/** Makes a snippet a function of the names that it uses. */
function compiled(code: string, names: string[]) {
  const AsyncFunction = (async () => {}).constructor as new (
    ...source: string[]
  ) => (...values: unknown[]) => unknown;
  return new AsyncFunction(...names, code);
}

/** A user of the free plan, served by an edge function with this code. The first generations may fail. */
async function served(code: string, failures = 0) {
  const p_user_id = await newUser();
  const served = { p_user_id, made: 0, call: () => Promise.resolve(0) };
  const generate = (prompt: string) => {
    if (failures-- > 0) throw new Error("out of order");
    served.made += 1;
    return Promise.resolve(prompt);
  };
  const snippet = compiled(code, ["supabase", "p_user_id", "prompt", "generate"]);
  served.call = async () => ((await snippet(service(), p_user_id, "a cat", generate)) as Response).status;
  return served;
}

Deno.test("every snippet says where it runs, and each kind occurs once", () => {
  const kinds = [QUICK, SLOW, IN_THE_APP].map(running);
  assert.ok(kinds.every((kind) => kind.length > 0));
  assert.equal(kinds.flat().length, snippets.length);
});

for (const code of [...running(QUICK), ...running(SLOW)]) {
  Deno.test("in an edge function, three images are made, the fourth is refused", async () => {
    const user = await served(code);
    const statuses = [await user.call(), await user.call(), await user.call(), await user.call()];
    assert.deepEqual(statuses, [200, 200, 200, 429]);
    assert.deepEqual([user.made, await imagesCounted(user.p_user_id)], [3, 3]);
  });
}

for (const code of running(SLOW)) {
  Deno.test("in an edge function, an image that could not be made is not counted", async () => {
    const user = await served(code, 1);
    assert.equal(await user.call(), 502);
    assert.equal(await imagesCounted(user.p_user_id), 0);
    assert.equal(await user.call(), 200);
    assert.equal(await imagesCounted(user.p_user_id), 1);
  });
}

for (const code of running(IN_THE_APP)) {
  Deno.test("in the app, a signed-in user reads remaining and used amounts", async () => {
    const p_user_id = await newUser();
    await service().rpc("consume_feature", { p_user_id, p_feature_type: "image_generation" });
    const snippet = compiled(`${code}\nreturn { limits, days }`, ["supabase", "p_user_id"]);
    // deno-lint-ignore no-explicit-any
    const { limits, days } = (await snippet(signedIn(p_user_id), p_user_id)) as any;
    assert.equal(limits.limits.image_generation_daily, 3);
    assert.equal(limits.usage.images_generated, 1);
    assert.equal(days.length, 1);
    assert.equal(days[0].images_generated, 1);
  });
}

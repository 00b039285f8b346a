// The README's JavaScript, run as it stands. The first line of each snippet says where it runs.
import assert from "node:assert/strict";
import { imagesCounted, newUser } from "./support/database.ts";
import { service, signedIn } from "./support/stack.ts";

const IN_A_FUNCTION = "// In an edge function, with the service key";
const IN_THE_APP = "// In the app, as the signed-in user";

const readme = await Deno.readTextFile("README.md");
const snippets = [...readme.matchAll(/```js\n(.*?)\n```/gs)].map(([, code]) => code);
const running = (where: string) => snippets.filter((code) => code.startsWith(where));

/** A snippet as a function of the names that it uses. */
function compiled(code: string, names: string[]) {
  const AsyncFunction = (async () => {}).constructor as new (
    ...source: string[]
  ) => (...values: unknown[]) => unknown;
  return new AsyncFunction(...names, code);
}

Deno.test("every snippet says where it runs, and there is one of each", () => {
  assert.ok(running(IN_A_FUNCTION).length > 0 && running(IN_THE_APP).length > 0);
  assert.equal(running(IN_A_FUNCTION).length + running(IN_THE_APP).length, snippets.length);
});

for (const code of running(IN_A_FUNCTION)) {
  Deno.test("in an edge function, three images are made, the fourth is refused, and failures are free", async () => {
    const p_user_id = await newUser();
    let made = 0;
    let fails = true;
    const generate = (prompt: string) => {
      if (fails) throw new Error("out of order");
      made += 1;
      return Promise.resolve(prompt);
    };
    const snippet = compiled(code, ["supabase", "p_user_id", "prompt", "generate"]);
    const call = async () => (await snippet(service(), p_user_id, "a cat", generate)) as Response;

    assert.equal((await call()).status, 502);
    assert.equal(await imagesCounted(p_user_id), 0);
    fails = false;
    const statuses = [];
    for (let nth = 0; nth < 4; nth++) statuses.push((await call()).status);
    assert.deepEqual(statuses, [200, 200, 200, 429]);
    assert.deepEqual([made, await imagesCounted(p_user_id)], [3, 3]);
  });
}

for (const code of running(IN_THE_APP)) {
  Deno.test("in the app, a signed-in user reads what is left and what was used", async () => {
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

// Runs the JavaScript of the README and of docs/{supabase,plans,credits,pools}.md, unchanged. The first line of each
// snippet says where it runs.
import assert from "node:assert/strict";
import { authenticate } from "../../supabase/functions/_shared/caller.ts";
import { addRule, imagesCounted, newPool, newUser, sum, usedByPool } from "./support/database.ts";
import { service, signedIn, userToken } from "./support/stack.ts";
import { checkout, deliver, newPaymentId } from "./support/stripe.ts";
import { status } from "../../supabase/functions/_shared/limitChecker.ts";

const QUICK = "// In an edge function, with the service key: what is quick";
const SLOW = "// In an edge function, with the service key: what is slow";
const RULES = "// On the server, with the service key: rules";
const IN_THE_APP = "// In the app, as the signed-in user";
const ON_A_SERVER = "// On a server, with the service key";
const ON_A_PAGE = "// On a page, as the signed-in user";
const IN_A_WEBHOOK = "// In the payment's webhook, with the service key";
const BUYING = "// On the server, where a user buys a pack";
const FOR_A_TEAM = "// On the server, with the service key: for a team";
const TOP_UP = "// In usage-alert, for an alert of the kind low";

const paths = ["README.md", "docs/supabase.md", "docs/plans.md", "docs/credits.md", "docs/pools.md"];
const pages = await Promise.all(paths.map((page) => Deno.readTextFile(page)));
const snippets = pages.flatMap((page) => [...page.matchAll(/```js\n(.*?)\n```/gs)].map(([, code]) => code));
const running = (where: string) => snippets.filter((code) => code.startsWith(where));

/** Makes a snippet a function of the names that it uses. */
function compiled(code: string, names: string[]) {
  const AsyncFunction = (async () => {}).constructor as new (
    ...source: string[]
  ) => (...values: unknown[]) => unknown;
  return new AsyncFunction(...names, code);
}

/** A snippet's imports: the name, and the module's path from supabase/functions/_shared. */
const imports = (code: string) => [...code.matchAll(/^import \{ (\w+) \} from '\.\.\/_shared\/(.+)'$/gm)];

type Handler = (request: Request) => Promise<Response>;

/** An edge function with this code, called by a user. The first generations may fail. */
function served(code: string, userId: string, { failures = 0, supabase = service() } = {}) {
  const generate = (prompt: string) => {
    if (failures-- > 0) throw new Error("out of order");
    server.made += 1;
    return Promise.resolve(prompt);
  };
  const server = {
    made: 0,
    logged: [] as unknown[],
    /** The header Retry-After of the last response. */
    retryAfter: null as string | null,
    call: async () => {
      // A body that names somebody else changes nothing.
      const request = new Request("http://localhost", {
        method: "POST",
        headers: { Authorization: `Bearer ${await userToken(userId)}` },
        body: JSON.stringify({ user_id: crypto.randomUUID() }),
      });
      const response = await handler!(request);
      server.retryAfter = response.headers.get("Retry-After");
      return { status: response.status, body: await response.text() };
    },
  };
  let handler: Handler | undefined;
  const names = {
    authenticate,
    console: { error: (error: unknown) => server.logged.push(error) },
    generate,
    prompt: "a cat",
    serviceClient: () => supabase,
    servePost: (handle: Handler) => handler = handle,
  };
  const withoutImports = imports(code).reduce((rest, [line]) => rest.replace(line, ""), code);
  compiled(withoutImports, Object.keys(names))(...Object.values(names));
  return server;
}

Deno.test("every snippet says where it runs, and each kind occurs once", () => {
  const kinds = [
    QUICK,
    SLOW,
    RULES,
    IN_THE_APP,
    ON_A_SERVER,
    ON_A_PAGE,
    IN_A_WEBHOOK,
    BUYING,
    TOP_UP,
    FOR_A_TEAM,
  ].map(
    running,
  );
  assert.ok(kinds.every((kind) => kind.length > 0));
  assert.equal(kinds.flat().length, snippets.length);
});

for (const code of [...running(QUICK), ...running(SLOW)]) {
  Deno.test("in an edge function, everything that it imports exists", async () => {
    assert.equal(imports(code).length, code.match(/^import /gm)?.length);
    for (const [, name, path] of imports(code)) {
      const text = await Deno.readTextFile(`supabase/functions/_shared/${path}`);
      assert.match(text, new RegExp(`^export (async )?function ${name}\\b`, "m"));
    }
  });

  Deno.test("in an edge function, three images are made, the fourth is refused", async () => {
    const userId = await newUser();
    const server = served(code, userId);
    for (let image = 0; image < 3; image++) {
      assert.deepEqual(await server.call(), { status: 200, body: "a cat" });
    }
    const { status, body } = await server.call();
    assert.equal(status, 429);
    assert.match(
      body,
      /^\{"error_code":"LIMIT_EXCEEDED","limit":3,"remaining":0,"reset_at":"\d{4}-\d\d-\d\dT00:00:00Z"\}$/,
    );
    assert.equal(server.retryAfter, null);
    assert.deepEqual([server.made, await imagesCounted(userId)], [3, 3]);
  });

  Deno.test("in an edge function, a denied plan is a 403", async () => {
    const server = served(code, await newUser("unknown"));
    assert.equal((await server.call()).status, 403);
  });

  Deno.test("in an edge function, a rate is a 429, and a block a 403", async () => {
    const userId = await newUser();
    const server = served(code, userId);
    const rule = { applies_to: "user", user_id: userId, feature_type: "image_generation" };
    await addRule({ ...rule, effect: "cap", amount: 1, per: "rate", every: "1 hour" });
    assert.equal((await server.call()).status, 200);
    assert.equal(server.retryAfter, null);
    const limited = await server.call();
    const { error_code, retry_after } = JSON.parse(limited.body);
    assert.deepEqual([limited.status, error_code], [429, "RATE_LIMITED"]);
    assert.match(server.retryAfter ?? "", /^3[56]\d\d$/);
    assert.equal(String(retry_after), server.retryAfter);
    await addRule({ ...rule, effect: "deny" });
    const blocked = await server.call();
    assert.deepEqual([blocked.status, JSON.parse(blocked.body).error_code], [403, "DENIED"]);
    assert.deepEqual([server.made, server.retryAfter], [1, null]);
  });

  Deno.test("in an edge function, a mistake in the code is a 500", async () => {
    const server = served(code.replace("'image_generation'", "'images'"), await newUser());
    const { status, body } = await server.call();
    assert.equal(status, 500);
    // The reason is for the log: it lists the features.
    assert.match(String(server.logged[0]), /^unknown feature type "images"; there are chat, /);
    assert.doesNotMatch(body, /chat/);
    assert.equal(server.made, 0);
  });

  Deno.test("in an edge function, the client does not see the database's errors", async () => {
    const server = served(code, crypto.randomUUID());
    assert.deepEqual(await server.call(), { status: 503, body: '{"error":"Try again later."}' });
    assert.deepEqual([server.made, server.logged.length], [0, 1]);
  });
}

for (const code of running(SLOW)) {
  Deno.test("in an edge function, an image that could not be made is not counted", async () => {
    const userId = await newUser();
    const server = served(code, userId, { failures: 1 });
    assert.equal((await server.call()).status, 502);
    assert.equal(await imagesCounted(userId), 0);
    assert.equal((await server.call()).status, 200);
    assert.equal(await imagesCounted(userId), 1);
  });

  Deno.test("in an edge function, a commit whose answer is lost is repeated, and counts once", async () => {
    const userId = await newUser();
    const supabase = service();
    const { rpc } = supabase;
    let lost = 0;
    // The first answer to a commit does not arrive.
    supabase.rpc = (async (...call: Parameters<typeof rpc>) => {
      const answer = await rpc.apply(supabase, call);
      return call[0] === "commit_reservation" && lost++ === 0 ? { data: null, error: "lost" } : answer;
    }) as unknown as typeof rpc;
    const server = served(code, userId, { supabase });
    assert.deepEqual(await server.call(), { status: 200, body: "a cat" });
    assert.deepEqual([lost, await imagesCounted(userId)], [2, 1]);
  });
}

for (const code of running(RULES)) {
  Deno.test("on the server, the rules add to a limit once, cap a rate, and end a block", async () => {
    const userId = await newUser();
    const values = { supabase: service(), user_id: userId, payment_id: `pi_${crypto.randomUUID()}` };
    const snippet = compiled(code, Object.keys(values));
    // A webhook that is called twice.
    for (let call = 0; call < 2; call++) {
      await snippet(...Object.values(values));
      const { features } = (await status(service(), userId))!;
      assert.equal(features.image_generation.limit, 23);
      const [{ per, every, limit }] = features.chat.caps;
      assert.deepEqual([per, every, limit], ["rate", 60, 5]);
      assert.equal(features.voice_seconds.error_code, undefined);
    }
    const kept = await service().from("usage_rules").select("reason, ends_at").eq("user_id", userId)
      .eq("effect", "deny");
    assert.equal(kept.data?.length, 2);
    assert.ok(kept.data.every(({ reason, ends_at }) => reason === "spam" && ends_at));
  });
}

for (const code of running(IN_THE_APP)) {
  Deno.test("in the app, a signed-in user reads remaining and used amounts", async () => {
    const p_user_id = await newUser();
    await service().rpc("consume_feature", { p_user_id, p_feature_type: "image_generation" });
    const snippet = compiled(`${code}\nreturn { status, plan, days }`, ["supabase", "p_user_id"]);
    // deno-lint-ignore no-explicit-any
    const { status, plan, days } = (await snippet(signedIn(p_user_id), p_user_id)) as any;
    const images = status.features.image_generation;
    assert.equal(Object.keys(status.features).length, 5);
    assert.deepEqual([images.limit, images.current_usage, images.remaining], [3, 1, 2]);
    assert.equal(plan.limits.plan_id, "free");
    assert.equal(days.length, 1);
    assert.equal(days[0].images_generated, 1);
  });
}

Deno.test("on a server, what is sold is written, twice without harm, and a page shows it", async () => {
  const userId = await newUser();
  await service().rpc("set_user_plan", { p_user_id: userId, p_plan_id: "free" });
  const payment = { id: crypto.randomUUID() };
  const subscription = { billing_cycle_anchor: Date.UTC(2025, 0, 31, 9) / 1000 };
  for (const snippet of running(ON_A_SERVER)) {
    const names = ["supabase", "userId", "payment", "subscription"];
    const write = compiled(`${snippet}\nreturn error`, names);
    assert.equal(await write(service(), userId, payment, subscription), null);
    if (snippet.includes("upsert")) {
      assert.equal(await write(service(), userId, payment, subscription), null);
    }
  }
  // deno-lint-ignore no-explicit-any
  const database = service() as any;
  const ofUser = () => database.from("usage_rules").select("amount").eq("user_id", userId);
  const { data: rules } = await ofUser().order("amount");
  assert.deepEqual(rules, [{ amount: 20 }, { amount: 1800 }]);
  const { data: plans } = await database.from("user_plans").select("period_anchor").eq("user_id", userId);
  assert.equal(Date.parse(plans[0].period_anchor), subscription.billing_cycle_anchor * 1000);

  for (const code of running(ON_A_PAGE)) {
    const show = compiled(`${code}\nreturn status`, ["supabase", "p_user_id"]);
    // deno-lint-ignore no-explicit-any
    const status = (await show(signedIn(userId), userId)) as any;
    assert.equal(status.plan_id, "free");
    assert.equal(status.features.image_generation.limit, 23);
  }
  await database.from("usage_rules").delete().eq("user_id", userId);
});

for (const code of running(IN_A_WEBHOOK)) {
  Deno.test("in a payment's webhook, a pack is granted once per payment, and used after the allowance", async () => {
    const userId = await newUser();
    const snippet = code.replace("pi_3Qy", `pi_${crypto.randomUUID()}`);
    const grant = compiled(`${snippet}\nreturn [error, pack.granted, pack.replayed]`, ["supabase", "userId"]);
    assert.deepEqual(await grant(service(), userId), [null, true, undefined]);
    assert.deepEqual(await grant(service(), userId), [null, true, true]);
    // The payment of somebody else grants nothing, and Stripe is to send it again.
    const other = await newUser();
    await assert.rejects(async () => await grant(service(), other), /GRANT_MISMATCH/);
    const { features } = (await status(service(), userId))!;
    const { limit, remaining, grants } = features.image_generation;
    assert.deepEqual([limit, remaining, grants.length], [3, 103, 1]);
  });
}

/** A payment that is made with Stripe's client: what Stripe would be asked. */
function stripeClient() {
  // deno-lint-ignore no-explicit-any
  const asked: any[] = [];
  const create = (...asking: unknown[]) => Promise.resolve(asked.push(asking));
  return { asked, stripe: { checkout: { sessions: { create } }, paymentIntents: { create } } };
}

const grantedTo = async (userId: string) => {
  const { features } = (await status(service(), userId))!;
  return features.image_generation.grants.map(({ amount, source_ref }) => [amount, source_ref]);
};

for (const code of running(BUYING)) {
  Deno.test("on the server, a session of Checkout has what the payment's webhook reads", async () => {
    const [userId, payment] = [await newUser(), newPaymentId()];
    const { asked, stripe } = stripeClient();
    await compiled(code, ["stripe", "userId"])(stripe, userId);
    const [[{ mode, client_reference_id, metadata, payment_intent_data }]] = asked;
    const more = { mode, client_reference_id, metadata };
    const paid = await deliver("checkout.session.completed", checkout(undefined, payment, more));
    assert.deepEqual([paid.status, paid.body.replayed], [200, false]);
    const succeeded = await deliver("payment_intent.succeeded", { id: payment, ...payment_intent_data });
    assert.deepEqual([succeeded.status, succeeded.body.replayed], [200, true]);
    assert.deepEqual(await grantedTo(userId), [[100, payment]]);
  });
}

for (const code of running(TOP_UP)) {
  Deno.test("in usage-alert, an automatic top-up has what the payment's webhook reads", async () => {
    const [userId, payment] = [await newUser(), newPaymentId()];
    const { asked, stripe } = stripeClient();
    const savedCard = () => Promise.resolve({ customer: "cus_1", payment_method: "pm_1" });
    const alert = { alert_id: 7, user_id: userId };
    await compiled(code, ["stripe", "savedCard", "alert"])(stripe, savedCard, alert);
    const [[{ customer, payment_method, metadata }, options]] = asked;
    assert.deepEqual([customer, payment_method], ["cus_1", "pm_1"]);
    assert.deepEqual(options, { idempotencyKey: "top-up-7" });
    const { status } = await deliver("payment_intent.succeeded", { id: payment, metadata });
    assert.equal(status, 200);
    assert.deepEqual(await grantedTo(userId), [[100, payment]]);
  });
}

for (const code of running(FOR_A_TEAM)) {
  Deno.test("on the server, a call for a team counts in its pool, and is refused to who is no member", async () => {
    const [userId, stranger] = [await newUser(), await newUser("premium")];
    const poolId = await newPool([userId]);
    const names = ["supabase", "userId", "poolId"];
    const consume = compiled(`${code}\nreturn [error, data.allowed, data.error_code]`, names);
    assert.deepEqual(await consume(service(), userId, poolId), [null, true, undefined]);
    assert.deepEqual(await consume(service(), stranger, poolId), [null, false, "NOT_A_MEMBER"]);
    assert.equal(await usedByPool(poolId, "insights"), 1);
    for (const id of [userId, stranger]) assert.equal(await sum("insights_count", id), 0);
  });
}

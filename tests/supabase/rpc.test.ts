// Every RPC with named arguments, called by each role of an application: its answer, or its error
// code.
import assert from "node:assert/strict";
import { newUser, sum } from "./support/database.ts";
import { anon, service, signedIn } from "./support/stack.ts";
import type { Client } from "../../supabase/functions/_shared/limitChecker.ts";

const today = () => new Date().toISOString().slice(0, 10);
const thisMonth = () => new Date().toISOString().slice(0, 7);
const NOT_ALLOWED = "42501";

type Call = (
  client: Client,
  p_user_id: string,
) => PromiseLike<{ data: unknown; error: { code: string } | null }>;

const readers: Record<string, Call> = {
  check_feature_limit: (client, p_user_id) =>
    client.rpc("check_feature_limit", {
      p_user_id,
      p_feature_type: "chat",
      p_requested_amount: 1,
      p_period: today(),
    }),
  get_user_limits: (client, p_user_id) => client.rpc("get_user_limits", { p_user_id }),
};

const increments: Record<string, { counter: string; call: Call }> = {
  increment_voice_seconds: {
    counter: "voice_seconds",
    call: (client, p_user_id) =>
      client.rpc("increment_voice_seconds", { p_user_id, p_seconds: 2, p_period: thisMonth() }),
  },
  increment_insights_count: {
    counter: "insights_count",
    call: (client, p_user_id) =>
      client.rpc("increment_insights_count", { p_user_id, p_count: 2, p_period: thisMonth() }),
  },
  increment_therai_calls: {
    counter: "therai_calls",
    call: (client, p_user_id) =>
      client.rpc("increment_therai_calls", { p_user_id, p_calls: 2, p_period: today() }),
  },
  increment_chat_messages: {
    counter: "chat_messages",
    call: (client, p_user_id) =>
      client.rpc("increment_chat_messages", { p_user_id, p_count: 2, p_period: today() }),
  },
  increment_images_generated: {
    counter: "images_generated",
    call: (client, p_user_id) =>
      client.rpc("increment_images_generated", { p_user_id, p_count: 2, p_period: today() }),
  },
  increment_feature_usage: {
    counter: "chat_messages",
    call: (client, p_user_id) =>
      client.rpc("increment_feature_usage", {
        p_user_id,
        p_feature_type: "chat",
        p_amount: 2,
        p_period: "current",
      }),
  },
  record_usage: {
    counter: "chat_messages",
    call: (client, user_id) =>
      client.rpc("record_usage", { p_events: [{ user_id, feature_type: "chat", amount: 2 }] }),
  },
  consume_feature: {
    counter: "chat_messages",
    call: (client, p_user_id) =>
      client.rpc("consume_feature", { p_user_id, p_feature_type: "chat", p_amount: 2 }),
  },
  reserve_feature: {
    counter: "chat_messages",
    call: (client, p_user_id) =>
      client.rpc("reserve_feature", { p_user_id, p_feature_type: "chat", p_amount: 2, p_ttl: "1 minute" }),
  },
};

// These need no user: without rights, the call is refused before its arguments are read.
const others: Record<string, Call> = {
  commit_reservation: (client) => client.rpc("commit_reservation", { p_reservation_id: crypto.randomUUID() }),
  release_reservation: (client) =>
    client.rpc("release_reservation", { p_reservation_id: crypto.randomUUID() }),
  expire_reservations: (client) => client.rpc("expire_reservations", { p_limit: 10 }),
  prune_feature_usage: (client) => client.rpc("prune_feature_usage", { p_older_than: "30 days" }),
  set_user_plan: (client, p_user_id) => client.rpc("set_user_plan", { p_user_id, p_plan_id: "free" }),
};

const ownersOnly: Record<string, Call> = {
  feature_usage_setup: (client) => client.rpc("feature_usage_setup"),
  add_feature: (client) => client.rpc("add_feature", { p_feature_type: "video", p_period: "day" }),
  migrate_image_generation_log: (client) => client.rpc("migrate_image_generation_log", { p_drop: true }),
};

for (const [name, { counter, call }] of Object.entries(increments)) {
  Deno.test(`service_role counts with ${name}`, async () => {
    const userId = await newUser();
    const { error } = await call(service(), userId);
    assert.equal(error, null);
    assert.equal(await sum(counter, userId), 2);
  });

  Deno.test(`${name} is refused to anon and to a signed-in user, even for themselves`, async () => {
    const userId = await newUser();
    for (const client of [signedIn(userId), anon()]) {
      const { error } = await call(client, userId);
      assert.equal(error?.code, NOT_ALLOWED);
    }
    assert.equal(await sum(counter, userId), 0);
  });
}

for (const [name, call] of Object.entries(others)) {
  Deno.test(`${name} works for service_role`, async () => {
    const userId = await newUser();
    assert.equal((await call(signedIn(userId), userId)).error?.code, NOT_ALLOWED);
    assert.equal((await call(anon(), userId)).error?.code, NOT_ALLOWED);
    const { error } = await call(service(), userId);
    // That the reservation does not exist does not matter here.
    assert.equal(error?.code, name.endsWith("_reservation") ? "P0002" : undefined);
  });
}

for (const [name, call] of Object.entries(ownersOnly)) {
  Deno.test(`${name} is refused to every role of the API`, async () => {
    const userId = await newUser();
    for (const client of [service(), signedIn(userId), anon()]) {
      assert.equal((await call(client, userId)).error?.code, NOT_ALLOWED);
    }
  });
}

for (const [name, call] of Object.entries(readers)) {
  Deno.test(`${name} answers service_role and the user, but not anon`, async () => {
    const userId = await newUser("growth");
    await service().rpc("increment_chat_messages", { p_user_id: userId, p_count: 7, p_period: today() });
    const asService = await call(service(), userId);
    assert.equal(asService.error, null);
    assert.deepEqual((await call(signedIn(userId), userId)).data, asService.data);
    assert.match(JSON.stringify(asService.data), /"(current_usage|chat_messages)":7/);
    assert.equal((await call(anon(), userId)).error?.code, NOT_ALLOWED);
  });

  Deno.test(`${name} shows a signed-in user nothing of another user`, async () => {
    const [userId, other, nobody] = [await newUser(), await newUser("growth"), await newUser()];
    await service().rpc("increment_chat_messages", { p_user_id: other, p_count: 7, p_period: today() });
    const ofOther = await call(signedIn(userId), other);
    assert.equal(ofOther.error, null);
    assert.deepEqual(ofOther.data, (await call(signedIn(userId), nobody)).data);
  });
}

Deno.test("check_feature_limit uses the current period by default", async () => {
  const userId = await newUser();
  const { data } = await service().rpc("check_feature_limit", {
    p_user_id: userId,
    p_feature_type: "image_generation",
  });
  const answer = data as Record<string, unknown>;
  assert.equal(answer.allowed, true);
  assert.equal(answer.limit, 3);
  assert.equal(answer.remaining, 2);
  assert.match(String(answer.period), /^\d{4}-\d\d-\d\d$/);
});

Deno.test("a reservation is counted, committed once, and cannot be released afterwards", async () => {
  const userId = await newUser();
  const client = service();
  const reserved = await client.rpc("reserve_feature", {
    p_user_id: userId,
    p_feature_type: "chat",
    p_amount: 2,
  });
  const p_reservation_id = (reserved.data as { reservation_id: string }).reservation_id;
  assert.equal(await sum("chat_messages", userId), 2);
  const committed = await client.rpc("commit_reservation", { p_reservation_id, p_actual: 1 });
  assert.equal((committed.data as { committed: boolean }).committed, true);
  const again = await client.rpc("commit_reservation", { p_reservation_id, p_actual: 1 });
  assert.deepEqual(again.data, committed.data);
  const released = await client.rpc("release_reservation", { p_reservation_id });
  assert.equal((released.data as { error_code: string }).error_code, "RESERVATION_FINALIZED");
  assert.equal(await sum("chat_messages", userId), 1);
});

Deno.test("consume_feature with the same idempotency key counts once, even concurrently", async () => {
  const userId = await newUser("growth");
  const consume = () =>
    service().rpc("consume_feature", {
      p_user_id: userId,
      p_feature_type: "chat",
      p_amount: 1,
      p_idempotency_key: "message 1",
    });
  const answers = await Promise.all(Array.from({ length: 10 }, consume));
  const data = answers.map((answer) => answer.data as { allowed: boolean; replayed?: boolean });
  assert.ok(data.every((answer) => answer.allowed));
  assert.equal(data.filter((answer) => answer.replayed).length, 9);
  assert.equal(await sum("chat_messages", userId), 1);
});

Deno.test("invalid arguments are an error with a code and a hint, and count nothing", async () => {
  const userId = await newUser();
  const wrong = await service().rpc("increment_images_generated", {
    p_user_id: userId,
    p_count: -1,
    p_period: today(),
  });
  assert.equal(wrong.error?.code, "22023");
  const period = await service().rpc("increment_images_generated", {
    p_user_id: userId,
    p_count: 1,
    p_period: thisMonth(),
  });
  assert.equal(period.error?.code, "22007");
  assert.match(period.error!.hint, /'current'.*YYYY-MM-DD/);
  assert.equal(await sum("images_generated", userId), 0);
});

Deno.test("the error of a negative limit names the constraint, which says what to write", async () => {
  const { error, status } = await service().from("plan_limits").update({ insights_limit: -1 }).eq(
    "plan_id",
    "free",
  );
  assert.equal(status, 400);
  assert.equal(error?.code, "23514");
  assert.match(error!.message, /plan_limits_not_negative_null_is_unlimited/);
});

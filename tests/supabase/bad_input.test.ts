// Invalid requests: a clear status and message; nothing is counted or generated.
import assert from "node:assert/strict";
import { SignJWT } from "jose";
import { imagesCounted, newUser, sum } from "./support/database.ts";
import { ModelServer } from "./support/model.ts";
import {
  anonKey,
  type Answer,
  chat_id,
  post,
  send,
  serviceKey,
  setting,
  token,
  userToken,
} from "./support/stack.ts";
import { signToken } from "../../dev/stack/token.ts";

const userId = await newUser();
const other = await newUser();
const bearer = await userToken(userId);

const functions: Record<string, Record<string, unknown>> = {
  "image-generate": { chat_id, prompt: "a cat", user_id: userId },
  "llm-handler": { chat_id, message: "draw a cat", user_id: userId },
};

/** A request that must be refused with this status and a matching message. */
function refused(what: string, ask: () => Promise<Answer>, status: number, message: RegExp) {
  Deno.test(`${what}: ${status}`, async () => {
    await using model = new ModelServer();
    const answer = await ask();
    assert.equal(answer.status, status);
    assert.match(answer.body.error, message);
    assert.equal(answer.body.image_url ?? answer.body.reply, undefined);
    assert.equal(model.made, 0);
    for (const id of [userId, other]) {
      assert.deepEqual([await imagesCounted(id), await sum("chat_messages", id)], [0, 0]);
    }
  });
}

for (const [name, good] of Object.entries(functions)) {
  const text = name === "image-generate" ? "prompt" : "message";
  const without = (field: string) =>
    Object.fromEntries(Object.entries(good).filter(([key]) => key !== field));

  const bodies: [string, unknown, RegExp][] = [
    ["no body", "", /not JSON/],
    ["half an object", '{"chat_id": ', /not JSON/],
    ["an array", [], /expected object/],
    ["null", null, /expected object/],
    ["no chat_id", without("chat_id"), /^chat_id: /],
    ["no user_id", without("user_id"), /^user_id: /],
    [`no ${text}`, without(text), new RegExp(`^${text}: `)],
    ["a numeric chat_id", { ...good, chat_id: 1 }, /^chat_id: /],
    ["a chat_id that is no uuid", { ...good, chat_id: "1" }, /^chat_id: /],
    ["a user_id that is no uuid", { ...good, user_id: "me" }, /^user_id: /],
    [`a blank ${text}`, { ...good, [text]: "  " }, new RegExp(`^${text}: `)],
    [`a ${text} that is a list`, { ...good, [text]: ["a cat"] }, new RegExp(`^${text}: `)],
    [`a ${text} without end`, { ...good, [text]: "a".repeat(5000) }, new RegExp(`^${text}: `)],
    [
      `a ${text} with a zero byte`,
      { ...good, [text]: "draw a\0cat" },
      new RegExp(`^${text}: .*not a valid text`),
    ],
    [
      `a ${text} with half a character`,
      `{"chat_id":"${chat_id}","user_id":"${userId}","${text}":"draw \\ud800"}`,
      /not a valid text/,
    ],
    ["a mode without end", { ...good, mode: "a".repeat(51) }, /^mode: /],
    ["a numeric mode", { ...good, mode: 1 }, /^mode: /],
  ];
  if (name === "image-generate") {
    bodies.push(["an image_id that is no uuid", { ...good, image_id: "1" }, /^image_id: /]);
    bodies.push(["a pool_id that is no uuid", { ...good, pool_id: "my team" }, /^pool_id: /]);
    bodies.push(["a pool_id that is a list", { ...good, pool_id: [crypto.randomUUID()] }, /^pool_id: /]);
    bodies.push(["an empty pool_id", { ...good, pool_id: "" }, /^pool_id: /]);
  }
  for (const [what, body, message] of bodies) {
    refused(`${name}, ${what}`, () => post(name, body, bearer), 400, message);
  }
  refused(
    `${name}, a huge body`,
    () => post(name, { ...good, more: "a".repeat(100_000) }, bearer),
    413,
    /too long/,
  );

  for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
    refused(
      `${name}, ${method}`,
      () => send(name, { method, headers: { Authorization: `Bearer ${bearer}` } }),
      405,
      /Use POST/,
    );
  }

  refused(
    `${name}, another user's id`,
    () => post(name, { ...good, user_id: other }, bearer),
    403,
    /not that of/,
  );
  refused(`${name}, no token`, () => post(name, good), 401, /no token/);
  refused(`${name}, the anon key`, () => post(name, good, anonKey), 401, /not a user's/);
  refused(
    `${name}, a token of nobody`,
    async () => post(name, good, await token("authenticated")),
    401,
    /not a user's/,
  );
  refused(
    `${name}, a token of another role`,
    async () => post(name, good, await token("admin", { userId })),
    401,
    /not a user's/,
  );
  refused(
    `${name}, an expired token`,
    async () => post(name, good, await userToken(userId, { expires: Math.floor(Date.now() / 1000) - 1 })),
    401,
    /expired/,
  );
  refused(
    `${name}, a token that never expires`,
    async () => post(name, good, await everlasting()),
    401,
    /not valid/,
  );
  refused(
    `${name}, a token signed with another secret`,
    async () => post(name, good, await signToken("another-secret-of-32-bytes-or-more", "service_role")),
    401,
    /not valid/,
  );
  refused(`${name}, a token that was changed`, () => post(name, good, changed(serviceKey)), 401, /not valid/);
  refused(`${name}, a token without a signature`, () => post(name, good, unsigned()), 401, /not valid/);
  refused(`${name}, a token that is none`, () => post(name, good, "let-me-in"), 401, /not valid/);

  Deno.test(`${name}: the valid request, even with ids in capitals, works`, async () => {
    await using _model = new ModelServer();
    const someone = await newUser();
    for (const user_id of [someone, someone.toUpperCase()]) {
      assert.equal((await post(name, { ...good, user_id }, await userToken(someone))).status, 200);
    }
  });

  Deno.test(`${name} answers a browser's preflight`, async () => {
    const answer = await fetch(`${Deno.env.get("SUPABASE_URL")}/functions/v1/${name}`, { method: "OPTIONS" });
    assert.equal(answer.status, 204);
    assert.match(answer.headers.get("Access-Control-Allow-Headers")!, /authorization/);
    await answer.body?.cancel();
  });
}

refused(
  "a function that there is not",
  () => post("no-such-function", {}, bearer),
  404,
  /nothing at this address/,
);

const part = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, "");

/** The same token with another role in it. */
function changed(good: string): string {
  const [header, , signature] = good.split(".");
  return [header, part({ role: "authenticated", sub: userId, exp: 4_000_000_000 }), signature].join(".");
}

function everlasting(): Promise<string> {
  const secret = new TextEncoder().encode(setting("JWT_SECRET"));
  return new SignJWT({ role: "service_role" }).setProtectedHeader({ alg: "HS256" }).sign(secret);
}

/** An unsigned token, with the algorithm "none". */
function unsigned(): string {
  return [part({ alg: "none", typ: "JWT" }), part({ role: "service_role", exp: 4_000_000_000 }), ""].join(
    ".",
  );
}

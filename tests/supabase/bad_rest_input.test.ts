// Invalid RPC requests without supabase-js: a clear status and code; nothing is counted.
import assert from "node:assert/strict";
import { newUser, sum } from "./support/database.ts";
import { anonKey, serviceKey, token, url, userToken } from "./support/stack.ts";
import { signToken } from "../../dev/stack/token.ts";

const userId = await newUser();
const today = new Date().toISOString().slice(0, 10);
const good = { p_user_id: userId, p_count: 1, p_period: today };
const { p_count: _, ...incomplete } = good;

async function call(body: unknown, bearer: string, rpc = "increment_chat_messages", method = "POST") {
  const response = await fetch(`${url}/rest/v1/rpc/${rpc}`, {
    method,
    headers: { "Authorization": `Bearer ${bearer}`, "apikey": anonKey, "Content-Type": "application/json" },
    body: method === "GET" ? undefined : typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, code: text ? JSON.parse(text).code : undefined };
}

const refused: Record<string, [() => ReturnType<typeof call>, number, string | RegExp]> = {
  "half a JSON": [() => call('{"p_user_id": ', serviceKey), 400, "PGRST102"],
  "an argument is missing": [() => call(incomplete, serviceKey), 404, "PGRST202"],
  "an argument too many": [() => call({ ...good, p_force: true }, serviceKey), 404, "PGRST202"],
  "no such RPC": [() => call(good, serviceKey, "increment_everything"), 404, "PGRST202"],
  "a user that is no uuid": [() => call({ ...good, p_user_id: "me" }, serviceKey), 400, "22P02"],
  "a user that is not in auth.users": [
    () => call({ ...good, p_user_id: crypto.randomUUID() }, serviceKey),
    409,
    "23503",
  ],
  // Postrust sends a null as an empty text, which is not a uuid; PostgREST's answer is 22004.
  "no user": [() => call({ ...good, p_user_id: null }, serviceKey), 400, /^(22P02|22004)$/],
  "a count that is a word": [() => call({ ...good, p_count: "many" }, serviceKey), 400, "22P02"],
  "a count with a fraction": [() => call({ ...good, p_count: 1.5 }, serviceKey), 400, "22P02"],
  "a count out of range": [() => call({ ...good, p_count: 3_000_000_000 }, serviceKey), 400, "22003"],
  "a negative count": [() => call({ ...good, p_count: -1 }, serviceKey), 400, "22023"],
  "a month for a day": [() => call({ ...good, p_period: today.slice(0, 7) }, serviceKey), 400, "22007"],
  "an expired token": [
    async () => call(good, await token("service_role", { expires: Math.floor(Date.now() / 1000) - 60 })),
    401,
    /^PGRST30/,
  ],
  "a forged token": [
    async () => call(good, await signToken("another-secret-of-32-bytes-or-more", "service_role")),
    401,
    /^PGRST30/,
  ],
  "a token of a role that there is not": [async () => call(good, await token("admin")), 401, /./],
  "a token of the superuser": [async () => call(good, await token("supabase_admin")), 401, /./],
  "a user's token": [async () => call(good, await userToken(userId)), 401, "42501"],
};

for (const [what, [ask, status, code]] of Object.entries(refused)) {
  Deno.test(`${what}: ${status}`, async () => {
    const answer = await ask();
    if (typeof code === "string") assert.equal(answer.code, code);
    else assert.match(answer.code, code);
    assert.equal(answer.status, status);
    assert.equal(await sum("chat_messages", userId), 0);
  });
}

Deno.test("GET counts nothing", async () => {
  const query = new URLSearchParams({ ...good, p_count: "1" });
  const answer = await call(undefined, serviceKey, `increment_chat_messages?${query}`, "GET");
  assert.ok(answer.status >= 400, `${answer.status}`);
  assert.equal(await sum("chat_messages", userId), 0);
});

Deno.test("the valid request on which these are based works", async () => {
  assert.deepEqual(await call(good, serviceKey), { status: 204, code: undefined });
  assert.equal(await sum("chat_messages", userId), 1);
});

for (
  const [what, key, message] of [
    ["no API key", undefined, "No API key found in request"],
    ["an API key of another app", "eyJ", "Invalid authentication credentials"],
  ]
) {
  Deno.test(`${what}: 401, even with a valid token`, async () => {
    const headers: Record<string, string> = { "Authorization": `Bearer ${serviceKey}` };
    if (key) headers.apikey = key;
    const response = await fetch(`${url}/rest/v1/plan_limits`, { headers });
    assert.deepEqual([response.status, await response.json()], [401, { message }]);
  });
}

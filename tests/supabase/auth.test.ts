// Signing up, in and out with supabase-js, and what the tokens open. Auth is the stand-in of dev/stack/auth.
import assert from "node:assert/strict";
import { createClient, type Session } from "@supabase/supabase-js";
import { createRemoteJWKSet, generateKeyPair, jwtVerify, SignJWT } from "jose";
import { newUser, sql } from "./support/database.ts";
import { ModelServer } from "./support/model.ts";
import { anonKey, chat_id, post, serviceKey, setting, url, userToken } from "./support/stack.ts";

const password = "correct horse";
const shortLivedUrl = setting("OWN_SCHEMA_URL");

/** A client like a page's, which keeps its session only in memory. */
const client = (key = anonKey, at = url) =>
  createClient(at, key, { auth: { persistSession: false, autoRefreshToken: false } });
type Client = ReturnType<typeof client>;

const newAddress = () => `${crypto.randomUUID()}@example.com`;

async function signUp(at = url): Promise<{ page: Client; email: string; session: Session }> {
  const page = client(anonKey, at);
  const email = newAddress();
  const { data, error } = await page.auth.signUp({ email, password });
  assert.equal(error, null);
  return { page, email, session: data.session! };
}

async function signIn(email: string): Promise<{ page: Client; session: Session }> {
  const page = client();
  const { data, error } = await page.auth.signInWithPassword({ email, password });
  assert.equal(error, null);
  return { page, session: data.session! };
}

type Failed = { error: { status?: number; code?: string; message: string } | null };

const failure = ({ error }: Failed) => error && [error.status, error.code];

const refresh = (page: Client, refresh_token: string) => page.auth.refreshSession({ refresh_token });

const header = (token: string) => ({ apikey: anonKey, Authorization: `Bearer ${token}` });

/** The user of a token, or why there is none. supabase-js would hide some of the reasons. */
async function userOf(token: string) {
  const response = await fetch(`${url}/auth/v1/user`, { headers: header(token) });
  const body = await response.json();
  return response.ok ? body.id : [response.status, body.error_code];
}

/** The statuses with which the REST server, an edge function and Auth answer a request with a token. */
async function statuses(token: string, userId: string, at = url): Promise<number[]> {
  const ask = async (path: string, body?: unknown) => {
    const request = body ? { method: "POST", body: JSON.stringify(body) } : {};
    const response = await fetch(`${at}${path}`, { ...request, headers: header(token) });
    await response.body?.cancel();
    return response.status;
  };
  return [
    await ask("/rest/v1/"),
    await ask("/functions/v1/image-generate", { chat_id, prompt: "a cat", user_id: userId }),
    await ask("/auth/v1/user"),
  ];
}

Deno.test("signing up signs in at once; the token has Supabase's claims and the project's signature", async () => {
  const { email, session } = await signUp();
  assert.deepEqual([session.expires_in, session.token_type, session.user.email], [3600, "bearer", email]);
  const keys = createRemoteJWKSet(new URL(`${url}/auth/v1/.well-known/jwks.json`));
  const { payload, protectedHeader } = await jwtVerify(session.access_token, keys);
  assert.equal(protectedHeader.alg, "ES256");
  const { iat, exp, amr, session_id, user_metadata, ...claims } = payload;
  assert.deepEqual(claims, {
    iss: `${url}/auth/v1`,
    sub: session.user.id,
    aud: "authenticated",
    email,
    phone: "",
    role: "authenticated",
    aal: "aal1",
    is_anonymous: false,
    app_metadata: { provider: "email", providers: ["email"] },
  });
  assert.equal(exp! - iat!, 3600);
  assert.match(String(session_id), /^[0-9a-f-]{36}$/);
  assert.deepEqual([(amr as { method: string }[])[0].method, (user_metadata as { email: string }).email], [
    "password",
    email,
  ]);
});

Deno.test("signing up is refused for an address that exists, a weak password and what is no address", async () => {
  const { email } = await signUp();
  const refused = async (email: string, password: string) =>
    failure(await client().auth.signUp({ email, password }));
  assert.deepEqual(await refused(email, password), [422, "user_already_exists"]);
  assert.deepEqual(await refused(email.toUpperCase(), password), [422, "user_already_exists"]);
  assert.deepEqual(await refused(newAddress(), "short"), [422, "weak_password"]);
  assert.deepEqual(await refused("nobody", password), [400, "validation_failed"]);
  assert.deepEqual(await refused(newAddress(), "é".repeat(37)), [400, "validation_failed"]);
});

Deno.test("of several sign-ups with one address at once, one succeeds", async () => {
  const email = newAddress();
  const results = await Promise.all([1, 2, 3].map(() => client().auth.signUp({ email, password })));
  const failures = results.map(failure).filter(Boolean);
  assert.deepEqual(failures, [[422, "user_already_exists"], [422, "user_already_exists"]]);
});

Deno.test("signing in needs the password, and does not tell whether the user exists", async () => {
  const { email, session } = await signUp();
  assert.equal((await signIn(email)).session.user.id, session.user.id);
  assert.equal((await signIn(email.toUpperCase())).session.user.id, session.user.id);
  const withoutPassword = await newUser();
  for (const address of [email, newAddress(), `${withoutPassword}@example.com`]) {
    for (const wrong of ["wrong horse", ""]) {
      const { error } = await client().auth.signInWithPassword({ email: address, password: wrong });
      assert.deepEqual([error?.status, error?.code, error?.message], [
        400,
        "invalid_credentials",
        "Invalid login credentials",
      ]);
    }
  }
});

Deno.test("errors have the older shape for clients without a version", async () => {
  const response = await fetch(`${url}/auth/v1/token?grant_type=password`, {
    method: "POST",
    headers: { apikey: anonKey },
    body: JSON.stringify({ email: newAddress(), password }),
  });
  assert.deepEqual(await response.json(), {
    code: 400,
    error_code: "invalid_credentials",
    msg: "Invalid login credentials",
  });
});

Deno.test("a refresh gives new tokens of the same session", async () => {
  const { page, session } = await signUp();
  const { data, error } = await page.auth.refreshSession();
  assert.equal(error, null);
  assert.notEqual(data.session!.refresh_token, session.refresh_token);
  const sessionId = async (token: string) => (await page.auth.getClaims(token)).data!.claims.session_id;
  assert.equal(await sessionId(data.session!.access_token), await sessionId(session.access_token));
  assert.equal(await userOf(data.session!.access_token), session.user.id);
  assert.deepEqual(failure(await refresh(client(), "unknown")), [400, "refresh_token_not_found"]);
});

/** Makes the last uses of a user's refresh tokens older than the time in which they may be used again. */
const wait10Seconds = (userId: string) =>
  sql(
    `update auth.refresh_tokens set updated_at = updated_at - interval '11 seconds' where user_id = '${userId}'`,
    {
      role: "supabase_admin",
    },
  );

Deno.test("a refresh token that two tabs use at once gives both the same new one", async () => {
  const { session } = await signUp();
  const results = await Promise.all([1, 2, 3].map(() => refresh(client(), session.refresh_token)));
  const tokens = results.map(({ data }) => data.session!.refresh_token);
  assert.deepEqual(tokens, [tokens[0], tokens[0], tokens[0]]);
  // If the answer was lost, it can be asked for until the new token has been used.
  await wait10Seconds(session.user.id);
  assert.equal((await refresh(client(), session.refresh_token)).data.session!.refresh_token, tokens[0]);
});

Deno.test("a refresh token that was used before may be used again for 10 seconds", async () => {
  const { page, session } = await signUp();
  await page.auth.refreshSession();
  await page.auth.refreshSession();
  assert.equal((await refresh(client(), session.refresh_token)).error, null);
});

Deno.test("after that it is refused, and the session cannot be refreshed any more", async () => {
  const { page, session } = await signUp();
  await page.auth.refreshSession();
  const last = (await page.auth.refreshSession()).data.session!.refresh_token;
  for (const token of [session.refresh_token, last]) {
    await wait10Seconds(session.user.id);
    assert.deepEqual(failure(await refresh(client(), token)), [400, "refresh_token_already_used"]);
  }
});

const scopes = [
  { scope: "local", ends: "this session only", endsOwn: true, endsOther: false },
  { scope: "others", ends: "the other sessions", endsOwn: false, endsOther: true },
  { scope: "global", ends: "all sessions", endsOwn: true, endsOther: true },
] as const;
for (const { scope, ends, endsOwn, endsOther } of scopes) {
  Deno.test(`signing out with the scope ${scope} ends ${ends}, of nobody else`, async () => {
    const { email, page, session: own } = await signUp();
    const { session: other } = await signIn(email);
    const { session: strangers } = await signUp();
    assert.equal((await page.auth.signOut({ scope })).error, null);
    const state = async ({ access_token, refresh_token }: Session) => [
      await userOf(access_token),
      failure(await refresh(client(), refresh_token)),
    ];
    const ended = [[403, "session_not_found"], [400, "refresh_token_not_found"]];
    const goesOn = [own.user.id, null];
    assert.deepEqual(await state(own), endsOwn ? ended : goesOn);
    assert.deepEqual(await state(other), endsOther ? ended : goesOn);
    assert.deepEqual(await state(strangers), [strangers.user.id, null]);
  });
}

Deno.test("only the service key creates users for others", async () => {
  const service = client(serviceKey);
  const wanted = { email: newAddress(), password, email_confirm: true, app_metadata: { role: "operator" } };
  const created = await service.auth.admin.createUser(wanted);
  assert.equal(created.error, null);
  const { session } = await signIn(wanted.email);
  assert.deepEqual([session.user.id, session.user.app_metadata.role], [created.data.user!.id, "operator"]);
  assert.deepEqual(failure(await service.auth.admin.createUser(wanted)), [422, "email_exists"]);

  const another = { ...wanted, email: newAddress() };
  const { page } = await signUp();
  const token = (await page.auth.getSession()).data.session!.access_token;
  const asUser = createClient(url, anonKey, { global: { headers: { Authorization: `Bearer ${token}` } } });
  for (const stranger of [client(), asUser]) {
    assert.deepEqual(failure(await stranger.auth.admin.createUser(another)), [403, "not_admin"]);
  }
  const withoutToken = await fetch(`${url}/auth/v1/admin/users`, {
    method: "POST",
    headers: { apikey: serviceKey },
    body: JSON.stringify(another),
  });
  assert.deepEqual([withoutToken.status, (await withoutToken.json()).error_code], [401, "no_authorization"]);
  assert.deepEqual(await sql(`select 1 from auth.users where email = '${another.email}'`), []);
});

Deno.test("only the service key reads another user", async () => {
  const { session } = await signUp();
  const { id, email } = session.user;
  const { data, error } = await client(serviceKey).auth.admin.getUserById(id);
  assert.deepEqual([error, data.user?.id, data.user?.email], [null, id, email]);
  assert.deepEqual(failure(await client().auth.admin.getUserById(id)), [403, "not_admin"]);
  const nobody = await client(serviceKey).auth.admin.getUserById(crypto.randomUUID());
  assert.deepEqual(failure(nobody), [404, "user_not_found"]);
});

Deno.test("a user whose address is not confirmed cannot sign in", async () => {
  const email = newAddress();
  await client(serviceKey).auth.admin.createUser({ email, password });
  const unconfirmed = await client().auth.signInWithPassword({ email, password });
  assert.deepEqual(failure(unconfirmed), [400, "email_not_confirmed"]);
});

Deno.test("nobody chooses their own role when signing up", async () => {
  const email = newAddress();
  const body = {
    email,
    password,
    data: { role: "operator" },
    app_metadata: { role: "operator" },
    role: "service_role",
  };
  const response = await fetch(`${url}/auth/v1/signup`, {
    method: "POST",
    headers: { apikey: anonKey },
    body: JSON.stringify(body),
  });
  const { user } = await response.json();
  assert.deepEqual([user.role, user.app_metadata], ["authenticated", {
    provider: "email",
    providers: ["email"],
  }]);
});

Deno.test("a signed-in user may read their limits, and make images", async () => {
  await using _model = new ModelServer();
  const { page, session } = await signUp();
  const { data } = await page.rpc("get_user_limits", { p_user_id: session.user.id });
  assert.equal(data.limits.plan_id, "free");
  const made = await page.functions.invoke("image-generate", {
    body: { chat_id, prompt: "a cat", user_id: session.user.id },
  });
  assert.deepEqual([made.error, made.data.used], [null, 1]);
  const { data: rows } = await page.from("feature_usage").select("images_generated");
  assert.deepEqual(rows, [{ images_generated: 1 }]);
});

Deno.test("without a session, or after signing out, there are no rights", async () => {
  const { page, session } = await signUp();
  await page.auth.signOut();
  for (const visitor of [client(), page]) {
    const limits = await visitor.rpc("get_user_limits", { p_user_id: session.user.id });
    assert.equal(limits.error?.code, "42501");
    const rows = await visitor.from("user_plans").select();
    assert.deepEqual(rows.data ?? [], []);
  }
  const body = { chat_id, prompt: "a cat", user_id: session.user.id };
  assert.equal((await post("image-generate", body, anonKey)).status, 401);
});

Deno.test("a token that was tampered with is refused everywhere", async () => {
  await using model = new ModelServer();
  const { session } = await signUp();
  const userId = await newUser();
  const [head, claims, signature] = session.access_token.split(".");
  const coded = (value: unknown) =>
    btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const payload = { ...(await client().auth.getClaims(session.access_token)).data!.claims, sub: userId };
  const { privateKey } = await generateKeyPair("ES256");
  const kid = JSON.parse(atob(head)).kid;
  const forged = [
    `${head}.${coded(payload)}.${signature}`,
    `${head}.${claims}.${signature.slice(0, -4)}AAAA`,
    `${coded({ alg: "none", typ: "JWT" })}.${coded(payload)}.`,
    await new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid }).sign(privateKey),
    await new SignJWT(payload).setProtectedHeader({ alg: "HS256", kid })
      .sign(new TextEncoder().encode(setting("SUPABASE_JWKS"))),
  ];
  for (const token of forged) assert.deepEqual(await statuses(token, userId), [401, 401, 403], token);
  assert.equal(model.asked, 0);
  assert.deepEqual(await statuses(session.access_token, session.user.id), [200, 200, 200]);
});

Deno.test("an expired session is refused everywhere, until it is refreshed", async () => {
  const { page, session } = await signUp(shortLivedUrl);
  assert.equal(session.expires_in, 2);
  const used = (token: string) => statuses(token, session.user.id, shortLivedUrl);
  const [rest, , auth] = await used(session.access_token);
  assert.deepEqual([rest, auth], [200, 200]);
  await new Promise((resolve) => setTimeout(resolve, 3100));
  assert.deepEqual(await used(session.access_token), [401, 401, 403]);
  const { data } = await page.auth.refreshSession();
  const [restAgain, , authAgain] = await used(data.session!.access_token);
  assert.deepEqual([restAgain, authAgain], [200, 200]);
});

Deno.test("a user who was deleted is no longer accepted by Auth", async () => {
  const { session } = await signUp();
  await sql(`delete from auth.users where id = '${session.user.id}'`);
  assert.deepEqual(await userOf(session.access_token), [403, "user_not_found"]);
  assert.deepEqual(failure(await refresh(client(), session.refresh_token)), [400, "refresh_token_not_found"]);
});

Deno.test("a token that the server has signed itself has no session, and is accepted", async () => {
  const userId = await newUser();
  assert.equal(await userOf(await userToken(userId)), userId);
  assert.deepEqual(await userOf(anonKey), [403, "bad_jwt"]);
});

const page = "http://127.0.0.1:3000";
const paths = ["/rest/v1/user_plans", "/auth/v1/user", "/functions/v1/image-generate"];
const asked = "authorization, apikey, content-type, x-client-info, x-supabase-api-version";

const preflight = (address: string, headers = asked) =>
  fetch(address, {
    method: "OPTIONS",
    headers: {
      Origin: page,
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": headers,
    },
  });

/** Whether a browser lets a page of another origin read an answer. */
function assertReadable(response: Response) {
  assert.equal(response.headers.get("access-control-allow-origin"), "*", response.url);
}

Deno.test("a page of another origin may call, with supabase-js's headers", async () => {
  for (const path of paths) {
    const response = await preflight(
      `${url}${path}`,
      path.startsWith("/functions") ? "authorization, apikey" : asked,
    );
    assert.ok(response.ok, path);
    assertReadable(response);
    const allowed = response.headers.get("access-control-allow-headers")!;
    // For browsers, * does not include authorization.
    assert.match(allowed, /authorization/);
    assert.match(response.headers.get("access-control-allow-methods")!, /POST/);
  }
});

Deno.test("a page of another origin may read answers, also that its key is missing", async () => {
  const { session } = await signUp();
  for (const path of ["/rest/v1/user_plans", "/auth/v1/user"]) {
    for (const [headers, status] of [[{}, 401], [header(session.access_token), 200]] as const) {
      const response = await fetch(`${url}${path}`, { headers: { Origin: page, ...headers } });
      await response.body?.cancel();
      assert.equal(response.status, status);
      assertReadable(response);
    }
  }
});

Deno.test("the public keys need no key of the app; anything else of Auth does", async () => {
  const keys = await fetch(`${url}/auth/v1/.well-known/jwks.json`);
  assert.deepEqual(await keys.json(), JSON.parse(setting("SUPABASE_JWKS")));
  for (const path of ["settings", "health", "user", "admin/users"]) {
    const response = await fetch(`${url}/auth/v1/${path}`);
    assert.deepEqual([response.status, await response.json()], [401, {
      message: "No API key found in request",
    }]);
  }
});

Deno.test("there is no Realtime", async () => {
  const response = await fetch(`${url}/realtime/v1/websocket`);
  await response.body?.cancel();
  assert.equal(response.status, 404);
});

Deno.test("a page of another origin may read that a service is down", async () => {
  const down = ["/auth/v1/user", "/functions/v1/image-generate"].map((path) => `${shortLivedUrl}${path}`);
  for (const service of ["auth", "image-generate"]) {
    Deno.kill(Number(await Deno.readTextFile(`.stack/run/test_own_schema/${service}.pid`)), "SIGTERM");
  }
  for (const address of down) {
    const allowed = await preflight(address);
    assert.ok(allowed.ok);
    assertReadable(allowed);
    const response = await fetch(address, { headers: header(anonKey) });
    assert.match(await response.text(), /Try again later/);
    assert.equal(response.status, 503);
    assertReadable(response);
  }
});

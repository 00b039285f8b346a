// Tokens that are signed with a project's private keys, and where their public keys come from.
import assert from "node:assert/strict";
import { exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { HttpError } from "../../supabase/functions/_shared/http.ts";
import { newUser } from "./support/database.ts";
import { ModelServer } from "./support/model.ts";
import { chat_id, post, setting, userToken } from "./support/stack.ts";

const ALGORITHMS = ["ES256", "RS256"];
const privateKeys: Record<string, JWK> = JSON.parse(setting("AUTH_PRIVATE_KEYS"));
const publicKeys: { keys: JWK[] } = JSON.parse(setting("SUPABASE_JWKS"));
const userId = await newUser();
const user = { role: "authenticated", userId, isOperator: false };

type Key = Parameters<SignJWT["sign"]>[0];

function signed(key: Key, header: { alg: string; kid?: string }, expires: string | number = "1h") {
  const token = new SignJWT({ role: "authenticated" }).setProtectedHeader(header).setSubject(userId);
  return token.setExpirationTime(expires).sign(key);
}

async function signedBy(alg: string, expires?: number) {
  const key = privateKeys[alg];
  return await signed(await importJWK(key, alg), { alg, kid: key.kid }, expires);
}

const ask = (token: string) => post("image-generate", { chat_id, prompt: "a cat", user_id: userId }, token);

for (const alg of ALGORITHMS) {
  Deno.test(`a token that is signed with the project's ${alg} key is accepted`, async () => {
    await using _model = new ModelServer();
    assert.equal((await ask(await signedBy(alg))).status, 200);
  });

  Deno.test(`an expired token that is signed with the project's ${alg} key: 401`, async () => {
    const { status, body } = await ask(await signedBy(alg, Math.floor(Date.now() / 1000) - 1));
    assert.deepEqual([status, body.error], [401, "The token has expired: sign in again."]);
  });

  Deno.test(`a token that is signed with another ${alg} key: 401`, async () => {
    const { privateKey } = await generateKeyPair(alg);
    for (const kid of [privateKeys[alg].kid, "another", undefined]) {
      const { status, body } = await ask(await signed(privateKey, { alg, kid }));
      assert.deepEqual([status, body.error], [401, "The token is not valid."]);
    }
  });

  Deno.test(`a token whose shared secret is the public ${alg} key: 401`, async () => {
    const jwk = publicKeys.keys.find((key) => key.alg === alg)!;
    const spki = await exportSPKI(await importJWK(jwk, alg, { extractable: true }) as CryptoKey);
    for (const text of [spki, JSON.stringify(jwk)]) {
      const token = await signed(new TextEncoder().encode(text), { alg: "HS256", kid: jwk.kid });
      assert.equal((await ask(token)).status, 401);
    }
  });
}

/** The module that reads tokens, with these variables in its environment. */
async function callerWith(variables: Record<string, string>) {
  const names = ["SUPABASE_URL", "SUPABASE_JWKS", "JWT_SECRET"];
  const before = names.map((name) => Deno.env.get(name));
  names.forEach((name) => Deno.env.set(name, variables[name] ?? ""));
  // Each import with another query evaluates the module anew.
  const module = `../../supabase/functions/_shared/caller.ts?${crypto.randomUUID()}`;
  const { authenticate } = await import(module);
  names.forEach((name, place) => Deno.env.set(name, before[place] ?? ""));
  return (token: string) => {
    const request = new Request("http://localhost", { headers: { Authorization: `Bearer ${token}` } });
    return authenticate(request);
  };
}

const refusedWith = (status: number) => (error: unknown) =>
  error instanceof HttpError && error.status === status;

Deno.test("without SUPABASE_JWKS, the public keys are those that Auth publishes", async () => {
  const asked: string[] = [];
  await using auth = Deno.serve({ port: 0, onListen: () => {} }, (request) => {
    asked.push(new URL(request.url).pathname);
    return Response.json(publicKeys);
  });
  const authenticate = await callerWith({ SUPABASE_URL: `http://127.0.0.1:${auth.addr.port}` });
  for (const alg of ALGORITHMS) {
    assert.deepEqual(await authenticate(await signedBy(alg)), user);
  }
  assert.deepEqual(asked, ["/auth/v1/.well-known/jwks.json"]);
});

Deno.test("if Auth does not publish its keys, no token is accepted, and the caller may try again", async () => {
  for (const answer of [new Response("", { status: 500 }), new Response("none"), Response.json({})]) {
    await using auth = Deno.serve({ port: 0, onListen: () => {} }, () => answer.clone());
    const authenticate = await callerWith({ SUPABASE_URL: `http://127.0.0.1:${auth.addr.port}` });
    await assert.rejects(authenticate(await signedBy("ES256")), refusedWith(503));
  }
  const authenticate = await callerWith({ SUPABASE_URL: "http://127.0.0.1:1" });
  await assert.rejects(authenticate(await signedBy("ES256")), refusedWith(503));
});

Deno.test("without JWT_SECRET, no token with a shared secret is accepted", async () => {
  const authenticate = await callerWith({ SUPABASE_JWKS: JSON.stringify(publicKeys) });
  assert.deepEqual(await authenticate(await signedBy("ES256")), user);
  await assert.rejects(authenticate(await userToken(userId)), refusedWith(401));
});

// Identifies the caller by the token, never by the body. A token is signed with the project's shared
// secret (HS256, JWT_SECRET), or with one of its private keys (ES256, RS256); the public keys are in
// SUPABASE_JWKS or, if that is not set, published by Auth.
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from "jose";
import { HttpError } from "./http.ts";
import type { Client } from "./limitChecker.ts";

const secret = Deno.env.get("JWT_SECRET");
const publicKeys = projectKeys();

export type Caller =
  | { role: "service_role" }
  | { role: "authenticated"; userId: string; isOperator: boolean };

export async function authenticate(request: Request): Promise<Caller> {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.get("Authorization") ?? "")?.[1];
  if (!token) throw new HttpError(401, "Sign in: the request has no token.");
  const { role, sub, app_metadata } = await verified(token);
  if (role === "service_role") return { role };
  if (role === "authenticated" && sub) return { role, userId: sub, isOperator: isOperator(app_metadata) };
  throw new HttpError(401, "Sign in: the token is not a user's.");
}

/** The user of a request. A signed-in user acts for themselves; the server may act for anyone. */
export function actingFor(caller: Caller, userId: string): string {
  if (caller.role === "service_role" || caller.userId.toLowerCase() === userId) return userId;
  throw new HttpError(403, "The user_id is not that of the signed-in user.");
}

/** Ends the request unless an operator, or the server, calls. */
export function requireOperator(caller: Caller): void {
  if (caller.role === "service_role" || caller.isOperator) return;
  throw new HttpError(403, "This is for operators only.", { error_code: "NOT_OPERATOR" });
}

/** Ends the request unless the caller is an operator at this moment: a token tells what was so when it was signed. */
export async function requireOperatorNow(supabase: Client, caller: Caller): Promise<void> {
  requireOperator(caller);
  if (caller.role === "service_role") return;
  const { data, error } = await supabase.auth.admin.getUserById(caller.userId);
  if (error && error.status !== 404) {
    console.error(JSON.stringify({ event: "auth_error", message: error.message }));
    throw new HttpError(503, "Whether you are an operator can't be checked now. Try again later.");
  }
  requireOperator({ ...caller, isOperator: isOperator(data.user?.app_metadata) });
}

/** Only the server writes a user's app_metadata. Never read user_metadata here: users write that. */
function isOperator(appMetadata: unknown): boolean {
  return (appMetadata as { role?: unknown } | null | undefined)?.role === "operator";
}

function projectKeys(): JWTVerifyGetKey {
  const keys = Deno.env.get("SUPABASE_JWKS");
  if (keys) return createLocalJWKSet(JSON.parse(keys));
  const url = Deno.env.get("SUPABASE_URL");
  if (!url) throw new Error("SUPABASE_URL is not set");
  return createRemoteJWKSet(new URL("/auth/v1/.well-known/jwks.json", url));
}

/** The key of a token. Its algorithm says which kind, so that no public key serves as a shared secret. */
const keyOf: JWTVerifyGetKey = (header, token) => {
  if (header.alg !== "HS256") return publicKeys(header, token);
  // With an empty secret, anybody could sign.
  if (!secret) throw new errors.JWKSNoMatchingKey();
  return new TextEncoder().encode(secret);
};

async function verified(token: string) {
  try {
    const { payload } = await jwtVerify(token, keyOf, {
      algorithms: ["HS256", "ES256", "RS256"],
      requiredClaims: ["exp"],
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw new HttpError(401, "The token has expired: sign in again.");
    if (hasNoKeys(error)) {
      console.error(JSON.stringify({ event: "no_public_keys", message: String(error) }));
      throw new HttpError(503, "The token cannot be checked now. Try again later.");
    }
    throw new HttpError(401, "The token is not valid.");
  }
}

/** Whether Auth did not publish its keys: no answer, none in time, or another answer. */
function hasNoKeys(error: unknown): boolean {
  return !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid || error.code === errors.JOSEError.code;
}

// Identifies the caller by the token, never by the body.
import { errors, jwtVerify } from "jose";
import { HttpError } from "./http.ts";

const secret = Deno.env.get("JWT_SECRET");
// Without a secret, any token would be accepted.
if (!secret) throw new Error("JWT_SECRET is not set");
const key = new TextEncoder().encode(secret);

export type Caller = { role: "service_role" } | { role: "authenticated"; userId: string };

export async function authenticate(request: Request): Promise<Caller> {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.get("Authorization") ?? "")?.[1];
  if (!token) throw new HttpError(401, "Sign in: the request has no token.");
  const { role, sub } = await verified(token);
  if (role === "service_role") return { role };
  if (role === "authenticated" && sub) return { role, userId: sub };
  throw new HttpError(401, "Sign in: the token is not a user's.");
}

/** The user of a request. A signed-in user acts for themselves; the server may act for anyone. */
export function actingFor(caller: Caller, userId: string): string {
  if (caller.role === "service_role" || caller.userId.toLowerCase() === userId) return userId;
  throw new HttpError(403, "The user_id is not that of the signed-in user.");
}

async function verified(token: string) {
  try {
    const { payload } = await jwtVerify(token, key, { algorithms: ["HS256"], requiredClaims: ["exp"] });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw new HttpError(401, "The token has expired: sign in again.");
    throw new HttpError(401, "The token is not valid.");
  }
}

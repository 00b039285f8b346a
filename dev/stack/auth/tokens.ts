// Access tokens: signs those of users with the project's ES256 key, and verifies those of requests.
import {
  createLocalJWKSet,
  importJWK,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
  SignJWT,
} from "jose";
import { sql } from "./database.ts";
import { AuthError } from "./errors.ts";
import { setting } from "./settings.ts";
import { findUser, type User } from "./users.ts";

export const EXPIRES_IN = Number(Deno.env.get("JWT_EXPIRY") || 3600);
export const publicKeys = JSON.parse(setting("SUPABASE_JWKS"));

const ALGORITHM = "ES256";
const issuer = `${setting("SUPABASE_URL")}/auth/v1`;
const jwk = JSON.parse(setting("AUTH_PRIVATE_KEYS"))[ALGORITHM];
const privateKey = await importJWK(jwk, ALGORITHM);
const secret = new TextEncoder().encode(setting("JWT_SECRET"));
const publicKeySet = createLocalJWKSet(publicKeys);

export function accessToken(user: User, sessionId: string): Promise<string> {
  const signedInAt = Math.floor((user.last_sign_in_at?.getTime() ?? Date.now()) / 1000);
  const claims = {
    email: user.email,
    phone: "",
    app_metadata: user.raw_app_meta_data ?? {},
    user_metadata: user.raw_user_meta_data ?? {},
    role: "authenticated",
    aal: "aal1",
    amr: [{ method: "password", timestamp: signedInAt }],
    session_id: sessionId,
    is_anonymous: false,
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM, kid: jwk.kid, typ: "JWT" })
    .setIssuer(issuer)
    .setSubject(user.id)
    .setAudience("authenticated")
    .setIssuedAt()
    .setExpirationTime(`${EXPIRES_IN}s`)
    .sign(privateKey);
}

/** The user of a request's token. Without a session, the token is one that the server has signed. */
export async function requireUser(request: Request): Promise<{ user: User; sessionId?: string }> {
  const { sub, session_id } = await verified(request);
  if (!sub) throw new AuthError(403, "bad_jwt", "invalid claim: missing sub claim");
  const user = await findUser(sub);
  if (!user) throw new AuthError(403, "user_not_found", "User from sub claim in JWT does not exist");
  if (!session_id) return { user };
  const sessions = await sql`select 1 from auth.sessions where id = ${String(session_id)}`;
  if (sessions.length > 0) return { user, sessionId: String(session_id) };
  throw new AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist");
}

export async function requireAdmin(request: Request): Promise<void> {
  const { role } = await verified(request);
  if (role !== "service_role") throw new AuthError(403, "not_admin", "User not allowed");
}

// The algorithm says which kind of key, so that no public key serves as the shared secret.
const keyOf: JWTVerifyGetKey = (header, token) =>
  header.alg === "HS256" ? secret : publicKeySet(header, token);

async function verified(request: Request): Promise<JWTPayload> {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.get("Authorization") ?? "")?.[1];
  if (!token) throw new AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token");
  try {
    const options = { algorithms: ["HS256", "ES256", "RS256"], requiredClaims: ["exp"] };
    return (await jwtVerify(token, keyOf, options)).payload;
  } catch (error) {
    const reason = (error as Error).message;
    throw new AuthError(403, "bad_jwt", `invalid JWT: unable to parse or verify signature, ${reason}`);
  }
}

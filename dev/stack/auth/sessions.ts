// Sessions and their refresh tokens. A refresh token is replaced whenever it is used; a used one that comes
// back later was probably stolen, and ends the use of the whole session.
import type { TransactionSql } from "postgres";
import { sql } from "./database.ts";
import { AuthError } from "./errors.ts";
import { accessToken, EXPIRES_IN } from "./tokens.ts";
import { findUser, shown, type User } from "./users.ts";

// Two tabs of a browser may use the same token.
const REUSE_INTERVAL = "10 seconds";

export type Scope = "global" | "local" | "others";

interface RefreshToken {
  token: string;
  user_id: string;
  session_id: string;
  revoked: boolean;
  /** Whether it was used a moment ago. */
  is_recent: boolean;
}

export async function startSession(user: User) {
  return await sql.begin(async (tx) => {
    const [signedIn] = await tx<User[]>`
      update auth.users set last_sign_in_at = now() where id = ${user.id} returning *`;
    const [session] = await tx<{ id: string }[]>`
      insert into auth.sessions (id, user_id, aal, created_at, updated_at)
      values (gen_random_uuid(), ${user.id}, 'aal1', now(), now()) returning id`;
    return await answer(signedIn, session.id, await newToken(tx, user.id, session.id));
  });
}

export async function refreshSession(refreshToken: string) {
  const used = await sql.begin(async (tx) => {
    const [token] = await tx<RefreshToken[]>`
      select t.*, t.updated_at > now() - ${REUSE_INTERVAL}::interval as is_recent
      from auth.refresh_tokens as t join auth.sessions as s on s.id = t.session_id
      where t.token = ${refreshToken}
      for update`;
    return token && { ...token, next: await rotate(tx, token) };
  });
  if (!used) throw refused("refresh_token_not_found", "Refresh Token Not Found");
  if (!used.next) throw refused("refresh_token_already_used", "Already Used");
  return await answer((await findUser(used.user_id))!, used.session_id, used.next);
}

const refused = (code: string, reason: string) =>
  new AuthError(400, code, `Invalid Refresh Token: ${reason}`);

/** Ends sessions of a user; their refresh tokens go with them. */
export async function endSessions(userId: string, scope: Scope, sessionId: string | null): Promise<void> {
  const ended = {
    local: sql`id = ${sessionId}`,
    others: sql`id is distinct from ${sessionId}`,
    global: sql`true`,
  };
  await sql`delete from auth.sessions where user_id = ${userId} and ${ended[scope]}`;
}

/** The token that replaces a used one; none if it was used before, and not just now. */
async function rotate(tx: TransactionSql, used: RefreshToken): Promise<string | undefined> {
  if (used.revoked) {
    // Its answer may have been lost on the way.
    const [lost] = await tx<RefreshToken[]>`
      select * from auth.refresh_tokens where parent = ${used.token} and not revoked`;
    if (lost) return lost.token;
    if (!used.is_recent) {
      await tx`update auth.refresh_tokens set revoked = true, updated_at = now()
               where session_id = ${used.session_id} and not revoked`;
      return undefined;
    }
  }
  await tx`update auth.refresh_tokens set revoked = true, updated_at = now() where token = ${used.token}`;
  return await newToken(tx, used.user_id, used.session_id, used.token);
}

async function newToken(tx: TransactionSql, userId: string, sessionId: string, parent?: string) {
  const token = crypto.randomUUID().replaceAll("-", "");
  await tx`insert into auth.refresh_tokens (token, user_id, session_id, parent, revoked, created_at, updated_at)
           values (${token}, ${userId}, ${sessionId}, ${parent ?? null}, false, now(), now())`;
  return token;
}

async function answer(user: User, sessionId: string, refreshToken: string) {
  return {
    access_token: await accessToken(user, sessionId),
    token_type: "bearer",
    expires_in: EXPIRES_IN,
    expires_at: Math.floor(Date.now() / 1000) + EXPIRES_IN,
    refresh_token: refreshToken,
    user: shown(user),
  };
}

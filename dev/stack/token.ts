// Signs the tokens of the local Supabase. As a command, token.ts ROLE [USER_ID] prints one that is
// valid for a year, signed with JWT_SECRET.
import { SignJWT } from "jose";

export interface TokenOptions {
  userId?: string;
  expires?: string | number;
}

export function signToken(secret: string, role: string, options: TokenOptions = {}): Promise<string> {
  const token = new SignJWT({ role })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuedAt()
    .setExpirationTime(options.expires ?? "365d");
  if (options.userId) token.setSubject(options.userId);
  return token.sign(new TextEncoder().encode(secret));
}

if (import.meta.main) {
  const secret = Deno.env.get("JWT_SECRET");
  const [role, userId] = Deno.args;
  if (!secret || !role) throw new Error("usage: JWT_SECRET=... token.ts ROLE [USER_ID]");
  console.log(await signToken(secret, role, { userId }));
}

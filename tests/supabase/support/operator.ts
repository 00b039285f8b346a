// Operators, as Auth makes them: users whose app_metadata says so.
import { SignJWT } from "jose";
import { newUser, sql } from "./database.ts";
import { setting } from "./stack.ts";

/** A user's token with these claims. */
export const tokenWith = (userId: string, claims: Record<string, unknown>): Promise<string> =>
  new SignJWT({ role: "authenticated", ...claims }).setProtectedHeader({ alg: "HS256" })
    .setSubject(userId).setExpirationTime("1h").sign(new TextEncoder().encode(setting("JWT_SECRET")));

/** A token that says that its user is an operator. */
export const operatorToken = (userId: string): Promise<string> =>
  tokenWith(userId, { app_metadata: { role: "operator" } });

export const setRole = (userId: string, metadata: string) =>
  sql(`update auth.users set raw_app_meta_data = '${metadata}' where id = '${userId}'`);

/** A new user who is an operator, also for Auth. */
export async function newOperator(): Promise<{ id: string; token: string }> {
  const id = await newUser();
  await setRole(id, '{"role": "operator"}');
  return { id, token: await operatorToken(id) };
}

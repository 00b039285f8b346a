// Changes the session that the page keeps in the browser, as time or an attacker would.
import type { Page } from "@playwright/test";
import { SignJWT } from "jose";
import { anonKey, setting, url, type User } from "./stack.ts";

interface Tokens {
  expires_at: number;
  access_token: string;
  refresh_token: string;
}

/** Gives the page a token that expired a minute ago, and that it takes for valid. */
export async function expireToken(page: Page, user: User): Promise<void> {
  const minuteAgo = Math.floor(Date.now() / 1000) - 60;
  const expired = await new SignJWT({ role: "authenticated" })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(user.id)
    .setExpirationTime(minuteAgo)
    .sign(new TextEncoder().encode(setting("JWT_SECRET")));
  await change(page, { access_token: expired });
}

/** Makes the page's session one that has expired while the tab slept. */
export async function sleepTooLong(page: Page, user: User): Promise<void> {
  await expireToken(page, user);
  await change(page, { expires_at: Math.floor(Date.now() / 1000) - 60 });
}

/** Replaces the user in the token of the page, whose signature is no longer right then. */
export async function tamperWithTokens(page: Page, other: User): Promise<void> {
  const { access_token } = await tokens(page);
  const [header, payload, signature] = access_token.split(".");
  const claims = JSON.parse(Buffer.from(payload!, "base64url").toString());
  const changed = Buffer.from(JSON.stringify({ ...claims, sub: other.id })).toString("base64url");
  await change(page, { access_token: [header, changed, signature].join("."), refresh_token: "tampered" });
}

/** Signs the user of the page out everywhere, as from another device. */
export async function revokeSessions(page: Page): Promise<void> {
  const { access_token } = await tokens(page);
  const headers = { apikey: anonKey, Authorization: `Bearer ${access_token}` };
  const { status } = await fetch(`${url}/auth/v1/logout?scope=global`, { method: "POST", headers });
  if (status !== 204) throw new Error(`Auth answered ${status}`);
}

export const tokens = (page: Page): Promise<Tokens> =>
  page.evaluate(() =>
    JSON.parse(localStorage.getItem(Object.keys(localStorage).find((key) => key.endsWith("-auth-token"))!)!)
  );

async function change(page: Page, changed: Partial<Tokens>): Promise<void> {
  await page.evaluate((changed) => {
    const key = Object.keys(localStorage).find((key) => key.endsWith("-auth-token"))!;
    localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)!), ...changed }));
  }, changed);
}

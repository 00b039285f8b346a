// The local Supabase started by tests/supabase/run: its address, and clients of each role.
import { createClient } from "@supabase/supabase-js";
import { signToken, type TokenOptions } from "../../../dev/stack/token.ts";
import type { Client } from "../../../supabase/functions/_shared/limitChecker.ts";
import type { Database } from "../../../supabase/functions/_shared/types.ts";

export const setting = (name: string): string => {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} is not set: start the tests with tests/supabase/run`);
  return value;
};

export const url = setting("SUPABASE_URL");
export const takeoverUrl = setting("TAKEOVER_URL");
export const anonKey = setting("ANON_KEY");
export const serviceKey = setting("SERVICE_KEY");

export const token = (role: string, options?: TokenOptions) =>
  signToken(setting("JWT_SECRET"), role, options);
export const userToken = (userId: string, options: TokenOptions = {}) =>
  token("authenticated", { userId, ...options });

// Like an application's clients: the public key, and a token for a signed-in user.
export const anon = (at = url): Client =>
  createClient<Database>(at, anonKey, { auth: { persistSession: false } });
export const service = (at = url): Client =>
  createClient<Database>(at, serviceKey, { auth: { persistSession: false } });
export const signedIn = (userId: string, at = url): Client =>
  createClient<Database>(at, anonKey, { accessToken: () => userToken(userId) });

/** The chat that the requests are from. */
export const chat_id = "c4a70000-0000-4000-8000-000000000001";

export interface Answer {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any
  body: any;
}

/** Posts to an edge function through the gateway. */
export async function post(functionName: string, body: unknown, bearer?: string): Promise<Answer> {
  return await send(functionName, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(bearer && { Authorization: `Bearer ${bearer}` }) },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

export async function send(functionName: string, request: RequestInit): Promise<Answer> {
  const response = await fetch(`${url}/functions/v1/${functionName}`, request);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

// Hashes of passwords, as Auth keeps them. As a command, passwords.ts PASSWORD prints one.
import { compare, hash } from "bcryptjs";

const COST = 10;

// Compared with if there is no hash, so that the time does not say who has signed up.
const decoyHash = await hashed(crypto.randomUUID());

export function hashed(password: string): Promise<string> {
  return hash(password, COST);
}

export async function isPassword(password: string, stored?: string | null): Promise<boolean> {
  return await compare(password, stored || decoyHash) && Boolean(stored);
}

if (import.meta.main) console.log(await hashed(Deno.args[0]));

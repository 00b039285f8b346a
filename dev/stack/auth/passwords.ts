// Hashes of passwords, as Auth keeps them. As a command, passwords.ts PASSWORD prints one.
import { compare, hash } from "bcryptjs";

const COST = 10;

// Of a password that nobody has.
const noHash = await hashed(crypto.randomUUID());

export function hashed(password: string): Promise<string> {
  return hash(password, COST);
}

/** Takes as long for a user without a hash, or for no user at all. */
export async function isPassword(password: string, hash?: string | null): Promise<boolean> {
  return await compare(password, hash || noHash) && Boolean(hash);
}

if (import.meta.main) console.log(await hashed(Deno.args[0]));

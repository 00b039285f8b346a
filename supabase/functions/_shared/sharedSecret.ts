// Callers without a token, such as a Database Webhook, prove themselves by a secret in a header.
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { HttpError } from "./http.ts";

/** Throws a 401 unless the header is the secret. The time that it takes tells nothing about the secret. */
export async function requireSecret(request: Request, header: string, secret: string): Promise<void> {
  const [given, wanted] = await Promise.all([request.headers.get(header) ?? "", secret].map(digest));
  if (!timingSafeEqual(given, wanted)) throw new HttpError(401, `The header ${header} is missing or wrong.`);
}

/** Of texts of any length, digests have the same. */
async function digest(text: string): Promise<Buffer> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

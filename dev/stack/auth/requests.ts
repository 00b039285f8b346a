// Reads and validates what a request sends.
import { z } from "zod";
import { AuthError } from "./errors.ts";
import type { NewUser } from "./users.ts";

const MIN_PASSWORD = 6;
// bcrypt ignores what follows.
const MAX_PASSWORD_BYTES = 72;

const metadata = z.record(z.string(), z.unknown());

const body = z.object({
  id: z.uuid(),
  email: z.string(),
  password: z.string(),
  refresh_token: z.string(),
  data: metadata,
  app_metadata: metadata,
  user_metadata: metadata,
  email_confirm: z.boolean(),
}).partial();

type Body = z.infer<typeof body>;

export async function readBody(request: Request): Promise<Body> {
  const parsed = body.safeParse(await request.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new AuthError(400, "bad_json", "Could not parse request body as JSON");
}

export function emailAddress(email = ""): string {
  if (!email) throw new AuthError(400, "validation_failed", "An email address is required");
  if (z.email().max(255).safeParse(email).success) return email.toLowerCase();
  throw new AuthError(400, "validation_failed", "Unable to validate email address: invalid format");
}

export function strongPassword(password = ""): string {
  if (!password) throw new AuthError(400, "validation_failed", "Signup requires a valid password");
  if (password.length < MIN_PASSWORD) {
    const message = `Password should be at least ${MIN_PASSWORD} characters.`;
    throw new AuthError(422, "weak_password", message, { weak_password: { reasons: ["length"] } });
  }
  return storable(password);
}

export function userId(text = ""): string {
  if (z.uuid().safeParse(text).success) return text;
  throw new AuthError(404, "validation_failed", "user_id must be an UUID");
}

/** The user that an administrator creates. As in Auth, their password may be weak. */
export function createdUser({ email, password, email_confirm, ...rest }: Body): NewUser {
  return {
    ...rest,
    email: emailAddress(email),
    password: storable(password || crypto.randomUUID()),
    isConfirmed: email_confirm ?? false,
  };
}

function storable(password: string): string {
  if (new TextEncoder().encode(password).length <= MAX_PASSWORD_BYTES) return password;
  const message = `Password cannot be longer than ${MAX_PASSWORD_BYTES} characters`;
  throw new AuthError(400, "validation_failed", message);
}

// Sends a mail with an HTTP API such as Resend's.
import { setting } from "../_shared/setting.ts";

const TIMEOUT_MS = 10_000;

interface Mail {
  to: string;
  subject: string;
  text: string;
}

/** Throws unless the API has accepted the mail. Of two with the same key, it sends one. */
export async function sendMail(mail: Mail, idempotencyKey: string): Promise<void> {
  const response = await fetch(setting("MAIL_API_URL"), {
    method: "POST",
    headers: {
      "Authorization": `Bearer ${setting("MAIL_API_KEY")}`,
      "Content-Type": "application/json",
      "Idempotency-Key": idempotencyKey,
    },
    body: JSON.stringify({ from: setting("MAIL_FROM"), ...mail }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the mail API answered ${response.status}`);
}

// Sends the mails of alerts. The alert is marked after its mail was accepted, so it is sent at least once. The
// mail API drops the same mail of another delivery by its Idempotency-Key: without that, two deliveries at
// once would send two.
import { HttpError } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";
import { addressesOf, type Alert, markHandled, overdueAlerts } from "./alerts.ts";
import { alertText } from "./alertText.ts";
import { sendMail } from "./mail.ts";

const MOST_ALERTS = 100;
// A sweep ends before the next one begins.
const SWEEP_MS = 45_000;

/** Returns whether a mail was sent: not if the alert is handled already, or nobody has an address. */
export async function deliver(supabase: Client, alert: Alert): Promise<boolean> {
  if (alert.handled_at !== null) return false;
  const addresses = await addressesOf(supabase, alert);
  for (const to of addresses) await sendOrFail(to, alert);
  await markHandled(supabase, alert.alert_id);
  return addresses.length > 0;
}

export async function sweep(supabase: Client): Promise<{ sent: number; failed: number }> {
  const ends = Date.now() + SWEEP_MS;
  const done = { sent: 0, failed: 0 };
  for (const alert of await overdueAlerts(supabase, MOST_ALERTS)) {
    if (Date.now() > ends) break;
    try {
      if (await deliver(supabase, alert)) done.sent += 1;
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      done.failed += 1;
    }
  }
  return done;
}

async function sendOrFail(to: string, alert: Alert): Promise<void> {
  try {
    // Of a pool, each member gets a mail.
    const key = alert.user_id ? `usage-alert-${alert.alert_id}` : `usage-alert-${alert.alert_id}-${to}`;
    await sendMail({ to, ...alertText(alert) }, key);
  } catch (error) {
    console.error(JSON.stringify({ event: "mail_failed", alert_id: alert.alert_id, message: String(error) }));
    throw new HttpError(502, "The mail could not be sent. It is sent with the next delivery.", {
      error_code: "MAIL_FAILED",
    });
  }
}

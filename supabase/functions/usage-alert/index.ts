// POST, by a Database Webhook on INSERT into usage_alerts: mails the user, and then marks the alert as
// handled. {"type": "SWEEP"} does so for the alerts that no webhook has delivered; call it every minute.
// An alert whose mail fails stays unhandled, and the next delivery sends it.
import { z } from "zod";
import { HttpError, json, readBody, servePost } from "../_shared/http.ts";
import { serviceClient } from "../_shared/serviceClient.ts";
import { setting } from "../_shared/setting.ts";
import { requireSecret } from "../_shared/sharedSecret.ts";
import { findAlert } from "./alerts.ts";
import { deliver, sweep } from "./delivery.ts";

const message = z.discriminatedUnion("type", [
  // Nothing else of the record is trusted: the database says what the alert is.
  z.object({
    type: z.literal("INSERT"),
    table: z.literal("usage_alerts"),
    record: z.object({ alert_id: z.int().positive() }),
  }),
  z.object({ type: z.literal("SWEEP") }),
], { error: (issue) => issue.code === "invalid_union" ? "The types are INSERT and SWEEP" : undefined });

const supabase = serviceClient();

servePost(async (request) => {
  await requireSecret(request, "X-Webhook-Secret", setting("USAGE_ALERT_SECRET"));
  const wanted = await readBody(request, message);
  if (wanted.type === "SWEEP") {
    const done = await sweep(supabase);
    return json(done.failed > 0 ? 502 : 200, { ...done });
  }
  const alert = await findAlert(supabase, wanted.record.alert_id);
  if (!alert) throw new HttpError(404, "There is no such alert.");
  return json(200, { sent: await deliver(supabase, alert) });
});

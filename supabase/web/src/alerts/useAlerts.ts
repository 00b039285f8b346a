// Shows the new alerts of the signed-in user, each once.
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { z } from "zod";
import { read } from "../server/requests.ts";
import { supabase } from "../server/supabase.ts";
import { alertText } from "../usage/alertText.ts";
import type { MyLimits } from "../usage/limits.ts";
import { useKnownLimits } from "../usage/useKnownLimits.ts";
import { lastSeen, rememberSeen } from "./seen.ts";

const MOST = 3;
const DAY_MS = 86_400_000;
/** Long enough to read, for whoever is slow. */
const SHOWN_MS = 15_000;

const alert = z.object({
  alert_id: z.number(),
  feature_type: z.string(),
  kind: z.enum(["warn", "low"]),
  threshold: z.number(),
  period: z.string(),
  created_at: z.string(),
});
type Alert = z.infer<typeof alert>;

export function useAlerts(userId: string): void {
  const { data: limits } = useKnownLimits();
  const { data: alerts } = useQuery({ queryKey: ["alerts", userId], queryFn: () => newest(userId) });
  useEffect(() => {
    if (!alerts || !limits) return;
    const unseen = alerts.filter(({ alert_id }) => alert_id > lastSeen(userId)).reverse();
    for (const one of unseen) {
      rememberSeen(userId, one.alert_id);
      if (isNews(one, limits)) {
        notifications.show({
          message: alertText(one),
          role: "status",
          color: "orange",
          autoClose: SHOWN_MS,
          closeButtonProps: { "aria-label": "Close" },
        });
      }
    }
  }, [alerts, limits, userId]);
  // Nothing of one user may be shown to the next.
  useEffect(() => () => notifications.clean(), [userId]);
}

const newest = (userId: string) =>
  read(z.array(alert), () =>
    supabase.from("usage_alerts")
      .select("alert_id, feature_type, kind, threshold, period, created_at")
      .eq("user_id", userId).gt("alert_id", lastSeen(userId))
      .order("alert_id", { ascending: false }).limit(MOST));

/** A browser that is new sees old alerts for the first time: those of a period that is over are no news. */
function isNews({ kind, feature_type, period, created_at }: Alert, { features }: MyLimits): boolean {
  if (kind === "low") return Date.parse(created_at) > Date.now() - DAY_MS;
  return features.some((feature) => feature.feature_type === feature_type && feature.period === period);
}

// What a meter says about a feature.
import type { Cap } from "../../../functions/_shared/limitResults.ts";
import { amountOf, numberOf } from "./features.ts";
import type { FeatureLimit } from "./limits.ts";

interface MeterText {
  left: string;
  used: string;
  color?: "dimmed" | "red";
}

export function meterText(feature: FeatureLimit): MeterText {
  const { feature_type, limit, current_usage = 0, reserved = 0, error_code, is_unlimited, caps } = feature;
  const number = (amount: number) => numberOf(feature_type, amount);
  const inProgress = reserved > 0 ? `, including ${number(reserved)} in progress` : "";
  if (error_code === "DENIED") {
    return { left: "blocked", used: "Blocked for your account", color: "dimmed" };
  }
  if (error_code && error_code !== "LIMIT_EXCEEDED") {
    return { left: "blocked", used: "Not available at the moment", color: "dimmed" };
  }
  const cap = tightest(caps, is_unlimited ? Infinity : (limit ?? 0) - current_usage);
  const capped = cap && {
    left: `${number(cap.remaining)} left${inWindow(cap.per)}`,
    color: cap.remaining === 0 ? "red" as const : undefined,
  };
  if (is_unlimited) {
    const used = `${amountOf(feature_type, current_usage)} used${inProgress}`;
    return { left: "unlimited", used, ...capped };
  }
  if (!limit) return { left: "not included", used: "Not part of your plan", color: "dimmed" };
  const left = Math.max(0, limit - current_usage);
  return {
    left: `${number(left)} left`,
    used: `${number(current_usage)} of ${amountOf(feature_type, limit)} used${inProgress}`,
    color: left === 0 ? "red" : undefined,
    ...capped,
  };
}

/** The cap that leaves least, if that is less than this. Not a rate, which has room again in a moment. */
function tightest(caps: Cap[] = [], left: number): Cap | undefined {
  const windows = caps.filter(({ per, remaining }) => per !== "rate" && remaining < left);
  return windows.toSorted((one, other) => one.remaining - other.remaining)[0];
}

function inWindow(per: string): string {
  if (per === "period") return "";
  return per === "total" ? " in total" : ` this ${per.replace("_", " ")}`;
}

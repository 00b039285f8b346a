// What a meter says about a feature.
import { amountOf, numberOf } from "./features.ts";
import type { FeatureLimit } from "./limits.ts";

interface MeterText {
  left: string;
  used: string;
  color?: "dimmed" | "red";
}

export function meterText(feature: FeatureLimit): MeterText {
  const { feature_type, limit, current_usage = 0, reserved = 0, error_code, is_unlimited } = feature;
  const number = (amount: number) => numberOf(feature_type, amount);
  const inProgress = reserved > 0 ? `, including ${number(reserved)} in progress` : "";
  if (error_code === "DENIED") {
    return { left: "blocked", used: "Blocked for your account", color: "dimmed" };
  }
  if (error_code && error_code !== "LIMIT_EXCEEDED") {
    return { left: "blocked", used: "Not available at the moment", color: "dimmed" };
  }
  if (is_unlimited) {
    return { left: "unlimited", used: `${amountOf(feature_type, current_usage)} used${inProgress}` };
  }
  if (!limit) return { left: "not included", used: "Not part of your plan", color: "dimmed" };
  const left = Math.max(0, limit - current_usage);
  return {
    left: `${number(left)} left`,
    used: `${number(current_usage)} of ${amountOf(feature_type, limit)} used${inProgress}`,
    color: left === 0 ? "red" : undefined,
  };
}

// What a meter says about a feature.
import { coveredBySources, isIncluded, leftOf, tightest, usedOfAllowance } from "./available.ts";
import { amountOf, numberOf, wordsOf } from "./features.ts";
import type { FeatureStatus, Statuses } from "./limits.ts";
import { inWindow } from "./time.ts";

interface MeterText {
  left: string;
  used: string;
  color?: "dimmed" | "red";
}

export function meterText(featureType: string, status: Statuses): MeterText {
  const feature = status[featureType];
  if (!feature || isBlocked(feature)) return blocked(feature?.error_code);
  if (!isIncluded(feature)) return { left: "not included", used: "Not part of your plan", color: "dimmed" };
  const left = leftOf(feature, status);
  return {
    left: left === null
      ? "unlimited"
      : `${numberOf(featureType, left)} left${inTightest(feature, left, status)}`,
    used: usedText(featureType, feature),
    color: left === 0 ? "red" : undefined,
  };
}

/** Whether it cannot be used for a reason that is not its amount. Packs go on even without a subscription. */
export const isBlocked = ({ error_code, remaining }: FeatureStatus): boolean =>
  error_code === "DENIED" || error_code !== undefined && error_code !== "LIMIT_EXCEEDED" && remaining === 0;

function blocked(errorCode?: string): MeterText {
  const used = errorCode === "DENIED" ? "Blocked for your account" : "Not available at the moment";
  return { left: "blocked", used, color: "dimmed" };
}

/** The window of the cap that leaves least, if that is why no more is left. */
function inTightest(feature: FeatureStatus, left: number, status: Statuses): string {
  const cap = tightest(feature);
  if (cap?.remaining !== left || left >= (coveredBySources(feature, status) ?? Infinity)) return "";
  return `${inWindow(cap.per)}${cap.scope === "member" ? " for you" : ""}`;
}

function usedText(featureType: string, feature: FeatureStatus): string {
  const { limit, is_unlimited, current_usage, drawn, reserved } = feature;
  const number = (amount: number) => numberOf(featureType, amount);
  const inProgress = reserved > 0 ? `, including ${number(reserved)} in progress` : "";
  if (is_unlimited || limit === null || limit === 0) {
    return `${amountOf(featureType, current_usage)} used${inProgress}`;
  }
  const more = drawn > 0 ? `, ${number(drawn)} more ${source(feature)}` : "";
  return `${number(usedOfAllowance(feature))} of ${amountOf(featureType, limit)} used${more}${inProgress}`;
}

/** Where those come from that the allowance did not cover. */
function source({ cost, grants }: FeatureStatus): string {
  if (!cost) return "from packs";
  const { many } = wordsOf(cost.paid_in);
  return grants.length > 0 ? `from packs or paid in ${many}` : `paid in ${many}`;
}

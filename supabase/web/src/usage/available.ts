// What is left of a feature, and how much a currency pays for.
import type { FeatureStatus, Statuses } from "./limits.ts";

/** The part of the usage that the allowance of the plan covered, or nothing at all. */
export const usedOfAllowance = ({ current_usage, drawn, overage }: FeatureStatus): number =>
  current_usage - drawn - overage;

/** For how many units the currency is enough; undefined if the feature is not paid in one, null for any number. */
export function affordable({ cost }: FeatureStatus, status: Statuses): number | null | undefined {
  const currency = cost && status[cost.paid_in];
  if (!currency) return undefined;
  return currency.remaining === null ? null : Math.floor(currency.remaining / cost.amount);
}

/** What is left, null for any amount. A rate is left out: it has room again in a moment. */
export function leftOf(feature: FeatureStatus, status: Statuses): number | null {
  if (!feature.caps.some(({ per }) => per === "rate")) return feature.remaining;
  const covered = coveredBySources(feature, status);
  const capped = tightest(feature)?.remaining ?? null;
  if (covered === null || capped === null) return covered ?? capped;
  return Math.min(covered, capped);
}

/** What the allowance, packs and the currency together are enough for, whatever the caps say. */
export function coveredBySources(feature: FeatureStatus, status: Statuses): number | null {
  const { limit, grants } = feature;
  const paid = affordable(feature, status);
  if (limit === null || paid === null) return null;
  const granted = grants.reduce((sum, grant) => sum + grant.remaining, 0);
  return Math.max(0, limit - usedOfAllowance(feature)) + granted + (paid ?? 0);
}

/** The cap that leaves least. Not a rate. */
export function tightest({ caps }: FeatureStatus) {
  const windows = caps.filter(({ per }) => per !== "rate");
  return windows.toSorted((one, other) => one.remaining - other.remaining)[0];
}

/** Whether there is anything to use it with, or has been: an allowance, packs, or a currency that pays for it. */
export const isIncluded = ({ limit, cost, grants, drawn, overage }: FeatureStatus): boolean =>
  limit !== 0 || cost !== null || grants.length > 0 || drawn > 0 || overage > 0;

// A rule of a user, a team or its members in words.
import { amountOf, perKind } from "../usage/features.ts";
import { waitOf } from "../usage/time.ts";

interface Rule {
  applies_to: string;
  member: string | null;
  feature_type: string;
  effect: string;
  amount: number | null;
  per: string;
  every: number | null;
}

export const ruleText = (rule: Rule): string =>
  rule.applies_to === "member" ? `${rule.member ?? "each member"}: ${effectText(rule)}` : effectText(rule);

function effectText({ feature_type, effect, amount, per, every }: Rule): string {
  const units = amount === null ? "" : amountOf(feature_type, amount);
  switch (effect) {
    case "set":
      return amount === null ? "unlimited" : `limit of ${units}`;
    case "add":
      return `${units} more`;
    case "deny":
      return "blocked";
    case "cap":
      return amount === null ? "no cap" : `at most ${units}${window(per, every)}`;
    case "warn":
      return `alert at ${amount}%`;
    default:
      return amount === null ? effect : `${effect} ${amount.toLocaleString()}`;
  }
}

function window(per: string, every: number | null): string {
  if (per === "rate") return ` per ${waitOf(every ?? 1)}`;
  return per === "period" ? "" : ` ${perKind(per)}`;
}

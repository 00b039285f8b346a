// What an alert says, when a count has crossed a threshold.
import { kindOf, wordsOf } from "./features.ts";

export interface UsageAlert {
  feature_type: string;
  kind: "warn" | "low";
  /** The percentage of a warn, or the units of a low. */
  threshold: number;
  /** Empty for a low, which is not about a period. */
  period: string;
}

export function alertText({ feature_type, kind, threshold, period }: UsageAlert): string {
  const { name } = wordsOf(feature_type);
  const what = name[0]?.toLowerCase() + name.slice(1);
  if (kind === "low") return `You are running low on ${what}.`;
  return `You have used ${threshold}% of your ${what}${inPeriod(period)}.`;
}

function inPeriod(period: string): string {
  const kind = kindOf(period);
  if (kind === "total") return "";
  return kind === "day" ? " today" : ` this ${kind.replace("_", " ")}`;
}

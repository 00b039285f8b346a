// What a meter says besides: the price of a unit, packs, overage, and every cap.
import type { Cap, Grant } from "../../../functions/_shared/limitResults.ts";
import { affordable } from "./available.ts";
import { amountOf, kindOf, numberOf, oneOf, perKind, wordsOf } from "./features.ts";
import type { FeatureStatus, Statuses } from "./limits.ts";
import { ahead, dayOf, inWindow, waitOf } from "./time.ts";

/** "An image costs 5 credits: your 97 credits pay for 19." Undefined if it is not paid in a currency. */
export function priceText(featureType: string, feature: FeatureStatus, status: Statuses): string | undefined {
  const { cost, limit } = feature;
  if (!cost || limit === null) return undefined;
  const one = oneOf(featureType);
  const price = `${amountOf(cost.paid_in, cost.amount)}`;
  const begin = limit > 0 ? `After those of your plan, ${one}` : one[0]?.toUpperCase() + one.slice(1);
  const units = affordable(feature, status);
  if (units === null) return `${begin} costs ${price}.`;
  const balance = status[cost.paid_in]?.remaining ?? 0;
  return `${begin} costs ${price}: your ${amountOf(cost.paid_in, balance)} ${
    balance === 1 ? "pays" : "pay"
  } for ${numberOf(featureType, units ?? 0)}.`;
}

export function packText(featureType: string, { amount, remaining, expires_at, source_ref }: Grant): string {
  const name = source_ref.startsWith("carry:") ? "Carried over" : "Pack";
  const until = expires_at ? `until ${dayOf(expires_at)}` : "never expires";
  return `${name}: ${numberOf(featureType, remaining)} of ${amountOf(featureType, amount)} left, ${until}`;
}

export function overageText(featureType: string, { overage }: FeatureStatus): string | undefined {
  return overage > 0 ? `${amountOf(featureType, overage)} beyond your plan, billed separately` : undefined;
}

/** In a team, what the user has used of it. */
export function memberText(featureType: string, { member_usage }: FeatureStatus): string | undefined {
  return member_usage === undefined ? undefined : `Your part: ${amountOf(featureType, member_usage)}`;
}

/** In a team, whose cap it is. */
const whose: Record<string, string> = { member: "You: ", pool: "The team: " };

export function capText(featureType: string, cap: Cap, period: string, now: number): string {
  const who = whose[cap.scope] ?? "";
  const { per, every = 1, limit, remaining, reset_at } = cap;
  const number = (amount: number) => numberOf(featureType, amount);
  if (per === "rate") {
    const wait = reset_at ? Math.ceil((Date.parse(reset_at) - now) / 1000) : 0;
    const full = wait > 0 && remaining < limit ? `, all in ${waitOf(wait)}` : "";
    return `${who}${who ? "at" : "At"} most ${amountOf(featureType, limit)} per ${waitOf(every)}: ${
      number(remaining)
    } now${full}`;
  }
  const window = per === "period" ? perKind(kindOf(period)) : inWindow(per).trim();
  const resets = reset_at ? `, resets ${ahead(reset_at, now)}` : "";
  return `${who}${number(remaining)} of ${amountOf(featureType, limit)} left ${window}${resets}`;
}

/** The balance of a currency in a refusal: "Not enough credits: an image costs 5, you have 4." */
export function shortOf(featureType: string, currency: string, status: Statuses | undefined): string {
  const title = `Not enough ${wordsOf(currency).many}`;
  const cost = status?.[featureType]?.cost;
  const balance = status?.[currency]?.remaining;
  if (cost?.paid_in !== currency || balance == null) return `${title}.`;
  return `${title}: ${oneOf(featureType)} costs ${numberOf(currency, cost.amount)}, you have ${
    numberOf(currency, balance)
  }.`;
}

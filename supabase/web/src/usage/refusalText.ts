// The message for a refusal: what the limit is, when it resets, what to do.
import type { Exceeded } from "../../../functions/_shared/limitResults.ts";
import { shortOf } from "./detailText.ts";
import { amountOf, kindOf, perKind, wordsOf } from "./features.ts";
import type { RefusalDetails } from "../server/failure.ts";
import type { Statuses } from "./limits.ts";
import { ahead, dayOf, waitOf } from "./time.ts";

interface RefusalText {
  title: string;
  /** What the user can do about it. */
  advice: string;
}

/** `status` has the prices and balances, as far as they are known: those of the user, or of their team. */
export function refusalText(
  refusal: RefusalDetails,
  now: number,
  status?: Statuses,
  isTeam = false,
): RefusalText {
  const your = isTeam ? "Your team's" : "Your";
  switch (refusal.error_code) {
    case "LIMIT_EXCEEDED":
      return limitReached(refusal, now, status, isTeam);
    case "RATE_LIMITED":
      return {
        title: `Too many at once: try again in ${waitOf(refusal.retry_after ?? 1)}.`,
        advice: "Another plan may allow more.",
      };
    case "DENIED":
      return {
        title: "This feature is blocked for your account.",
        advice: `This is about ${wordsOf(refusal.feature_type ?? "").name} only.`,
      };
    case "TRIAL_EXPIRED": {
      const end = refusal.trial_end_date ? ` on ${dayOf(refusal.trial_end_date)}` : "";
      return { title: `${your} trial ended${end}.`, advice: "Choose a plan to go on." };
    }
    case "NO_SUBSCRIPTION":
      return { title: `${your} subscription is not active.`, advice: "Renew it, or choose another plan." };
    case "UNKNOWN_PLAN":
      return { title: `${your} plan is no longer offered.`, advice: "Choose another plan to go on." };
    case "NOT_A_MEMBER":
      return { title: "You are not a member of this team.", advice: "Ask whoever manages it to add you." };
    case "UNKNOWN_POOL":
      return { title: "There is no such team.", advice: "Choose another one, or use your own plan." };
    default:
      return { title: refusal.error ?? "This is not possible now.", advice: "Have a look at your plan." };
  }
}

function limitReached(
  refusal: RefusalDetails,
  now: number,
  status?: Statuses,
  isTeam?: boolean,
): RefusalText {
  const feature = refusal.feature_type ?? "";
  const cap = lastToEnd(refusal.exceeded);
  if (cap) return capReached(cap, refusal.period, now);
  const currency = refusal.exceeded?.find(({ feature_type }) => feature_type !== feature);
  if (currency) return currencyShort(currency, refusal, now, status);
  if (!refusal.limit) return nothingLeft(feature, status);
  const period = refusal.period ? ` ${perKind(kindOf(refusal.period))}` : "";
  // Null says that even a fresh allowance would be too little.
  const again = refusal.retry_after === null ? "" : resets(refusal.reset_at, now);
  return {
    title: `${isTeam ? "Your team has reached its" : "You have reached your"} limit of ${
      amountOf(feature, refusal.limit)
    }${period}.`,
    advice: `${again}Another plan may include more.`,
  };
}

function currencyShort(
  currency: Exceeded,
  refusal: RefusalDetails,
  now: number,
  status?: Statuses,
): RefusalText {
  const { feature_type, reset_at } = currency;
  const { many } = wordsOf(feature_type);
  const again = typeof refusal.retry_after === "number" && reset_at
    ? `You get new ${many} ${ahead(reset_at, now)}. `
    : "";
  return {
    title: shortOf(refusal.feature_type ?? "", feature_type, status),
    advice: `${again}A pack of ${many} or another plan may help.`,
  };
}

/** Without an allowance: packs that are used up, or no part of the plan. */
function nothingLeft(feature: string, status?: Statuses): RefusalText {
  const { name, many } = wordsOf(feature);
  if ((status?.[feature]?.drawn ?? 0) > 0) {
    return {
      title: `You have used all your ${many}.`,
      advice: "Buy a pack, or choose a plan that includes them.",
    };
  }
  return { title: `Not part of your plan: ${name}.`, advice: "Choose a plan that includes it." };
}

function capReached(cap: Exceeded, period: string | undefined, now: number): RefusalText {
  const { feature_type, limit, per, reset_at, scope } = cap;
  const kind = per === "rate" ? "at once" : perKind(per === "period" && period ? kindOf(period) : per);
  return {
    title: `${scope === "pool" ? "Your team has reached its" : "You have reached your"} limit of ${
      amountOf(feature_type, limit)
    } ${kind}${scope === "member" ? " in the team" : ""}.`,
    advice: `${resets(reset_at, now)}${
      scope === "member" ? "Whoever manages the team can allow more." : "Another plan may allow more."
    }`,
  };
}

/** The cap that has to be waited for longest, if a cap is what has to be. What never resets is the longest. */
function lastToEnd(exceeded: Exceeded[] = []): Exceeded | undefined {
  const end = ({ reset_at }: Exceeded) => reset_at ? Date.parse(reset_at) : Infinity;
  const [last] = exceeded.toSorted((one, other) => end(other) - end(one));
  return last?.effect === "cap" ? last : undefined;
}

const resets = (at: string | null | undefined, now: number): string =>
  at ? `It resets ${ahead(at, now)}. ` : "";

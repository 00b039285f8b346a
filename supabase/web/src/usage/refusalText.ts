// The message for a refusal: what the limit is, when it resets, what to do.
import { amountOf, kindOf, wordsOf } from "./features.ts";
import type { RefusalDetails } from "../server/failure.ts";
import { ahead, dayOf } from "./time.ts";

interface RefusalText {
  title: string;
  /** What the user can do about it. */
  advice: string;
}

export function refusalText(refusal: RefusalDetails, now: number): RefusalText {
  switch (refusal.error_code) {
    case "LIMIT_EXCEEDED":
      return limitReached(refusal, now);
    case "TRIAL_EXPIRED": {
      const end = refusal.trial_end_date ? ` on ${dayOf(refusal.trial_end_date)}` : "";
      return { title: `Your trial ended${end}.`, advice: "Choose a plan to go on." };
    }
    case "NO_SUBSCRIPTION":
      return { title: "Your subscription is not active.", advice: "Renew it, or choose another plan." };
    case "UNKNOWN_PLAN":
      return { title: "Your plan is no longer offered.", advice: "Choose another plan to go on." };
    default:
      return { title: refusal.error ?? "This is not possible now.", advice: "Have a look at your plan." };
  }
}

function limitReached(refusal: RefusalDetails, now: number): RefusalText {
  const feature = refusal.feature_type ?? "";
  if (!refusal.limit) {
    return {
      title: `Not part of your plan: ${wordsOf(feature).name}.`,
      advice: "Choose a plan that includes it.",
    };
  }
  const period = refusal.period ? ` per ${kindOf(refusal.period)}` : "";
  const again = refusal.reset_at ? `It resets ${ahead(refusal.reset_at, now)}. ` : "";
  return {
    title: `You have reached your limit of ${amountOf(feature, refusal.limit)}${period}.`,
    advice: `${again}Another plan may include more.`,
  };
}

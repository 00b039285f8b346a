// Explains in one friendly sentence why there is no image.
import type { LimitCheckResult } from "../_shared/limitChecker.ts";

export function noImage(answer: LimitCheckResult): string {
  switch (answer.error_code) {
    case "LIMIT_EXCEEDED":
      if (!answer.limit) return "Images are not part of your plan, but another plan brings them.";
      return `You have made ${counted(answer.limit)}; you can make more ${from(answer.reset_at)}.`;
    default:
      return "I can't make images on your plan at the moment; please have a look at your subscription.";
  }
}

function counted(limit: number): string {
  return limit === 1 ? "the one image of today" : `all ${limit} images of today`;
}

function from(resetAt?: string): string {
  if (!resetAt) return "tomorrow";
  const date = new Date(resetAt).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    timeZone: "UTC",
  });
  return `from ${date}, 00:00 UTC`;
}

// Explains in one friendly sentence why there is no image.
import type { LimitCheckResult } from "../_shared/limitChecker.ts";

export function noImage(answer: LimitCheckResult): string {
  switch (answer.error_code) {
    case "RATE_LIMITED":
      return `Those are too many images at once; ask again ${after(answer.retry_after ?? 1)}.`;
    case "DENIED":
      return "Images are blocked for your account.";
    case "LIMIT_EXCEEDED":
      if (answer.exceeded?.some(({ effect }) => effect === "cap")) {
        return "You have made as many images as you can for now.";
      }
      if (!answer.limit) return "Images are not part of your plan, but another plan brings them.";
      return `You have made ${counted(answer.limit)}; you can make more ${from(answer.reset_at)}.`;
    default:
      return "I can't make images on your plan at the moment; please have a look at your subscription.";
  }
}

function counted(limit: number): string {
  return limit === 1 ? "the one image of today" : `all ${limit} images of today`;
}

function after(seconds: number): string {
  if (seconds > 120) return `in ${Math.ceil(seconds / 60)} minutes`;
  return seconds === 1 ? "in 1 second" : `in ${seconds} seconds`;
}

function from(resetAt?: string | null): string {
  if (!resetAt) return "tomorrow";
  const date = new Date(resetAt).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    timeZone: "UTC",
  });
  return `from ${date}, 00:00 UTC`;
}

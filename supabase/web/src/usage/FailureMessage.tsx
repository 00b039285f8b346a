// What came of a request that has failed: a refusal with its limit, or an error.
import { Alert } from "@mantine/core";
import { Failure, type RefusalDetails, sentenceFor } from "../server/failure.ts";
import type { MyLimits } from "./limits.ts";
import { Refusal } from "./Refusal.tsx";
import { useKnownLimits } from "./useKnownLimits.ts";
import { useNow } from "./useNow.ts";

export function FailureMessage({ failure }: { failure: unknown }) {
  const now = useNow();
  const limits = useKnownLimits().data;
  if (failure === null) return null;
  if (failure instanceof Failure && failure.isRefusal) {
    return isOver(failure.details, now, limits) ? null : <Refusal refusal={failure.details} />;
  }
  return <Alert color="red" variant="light" title={sentenceFor(failure)} />;
}

/** Whether what was refused is possible again: the limit has been reset, or is another one. */
function isOver(
  { feature_type, reset_at }: RefusalDetails,
  now: number,
  limits: MyLimits | undefined,
): boolean {
  if (reset_at && Date.parse(reset_at) <= now) return true;
  const feature = limits?.features.find((feature) => feature.feature_type === feature_type);
  return feature !== undefined && feature.allowed && (feature.is_unlimited || (feature.remaining ?? 0) > 0);
}

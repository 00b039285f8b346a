// What came of a request that has failed: a refusal with its limit, or an error.
import { Alert } from "@mantine/core";
import { Failure, sentenceFor } from "../server/failure.ts";
import type { MyLimits } from "./limits.ts";
import { Refusal } from "./Refusal.tsx";
import { useKnownLimits } from "./useKnownLimits.ts";
import { useNow } from "./useNow.ts";

const SECOND = 1000;

export function FailureMessage({ failure }: { failure: unknown }) {
  const now = useNow(SECOND);
  const limits = useKnownLimits().data;
  if (failure === null) return null;
  if (failure instanceof Failure && failure.isRefusal) {
    return isOver(failure, now, limits) ? null : <Refusal refusal={failure.details} />;
  }
  const hint = failure instanceof Failure ? failure.details.hint : undefined;
  return <Alert color="red" variant="light" title={sentenceFor(failure)}>{hint}</Alert>;
}

/** Whether what was refused is possible again: the wait is over, or the limit is another one. */
function isOver({ details, worksAgainAt }: Failure, now: number, limits: MyLimits | undefined): boolean {
  if (worksAgainAt && worksAgainAt <= now) return true;
  const feature = limits?.features.find((feature) => feature.feature_type === details.feature_type);
  // What remains is null if neither the plan nor a cap limits it.
  return feature !== undefined && feature.allowed &&
    (feature.remaining === null || (feature.remaining ?? 0) > 0);
}

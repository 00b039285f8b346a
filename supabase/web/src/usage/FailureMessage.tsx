// What came of a request that has failed: a refusal with its limit, or an error.
import { Alert } from "@mantine/core";
import { Failure, sentenceFor } from "../server/failure.ts";
import type { MyLimits, Statuses } from "./limits.ts";
import { Refusal } from "./Refusal.tsx";
import { useKnownLimits } from "./useKnownLimits.ts";
import { useNow } from "./useNow.ts";

const SECOND = 1000;

interface Props {
  failure: unknown;
  /** What is known of the team, if the request was for one. */
  team?: Statuses;
}

export function FailureMessage({ failure, team }: Props) {
  const now = useNow(SECOND);
  const limits = useKnownLimits().data;
  if (failure === null) return null;
  if (failure instanceof Failure && failure.isRefusal) {
    const isOver = isWaitOver(failure, now) || (team ? hasRoom(failure, team) : isAllowed(failure, limits));
    return isOver ? null : <Refusal refusal={failure.details} team={team} />;
  }
  const hint = failure instanceof Failure ? failure.details.hint : undefined;
  return <Alert color="red" variant="light" title={sentenceFor(failure)}>{hint}</Alert>;
}

const isWaitOver = ({ worksAgainAt }: Failure, now: number): boolean => !!worksAgainAt && worksAgainAt <= now;

/** Whether what was refused is possible again, because the limit is another one. */
function isAllowed({ details }: Failure, limits: MyLimits | undefined): boolean {
  const feature = limits?.features.find((feature) => feature.feature_type === details.feature_type);
  // What remains is null if neither the plan nor a cap limits it.
  return feature !== undefined && feature.allowed &&
    (feature.remaining === null || (feature.remaining ?? 0) > 0);
}

/** The same in a team. Who is no member has no room in it, whatever the others have. */
function hasRoom({ details }: Failure, team: Statuses): boolean {
  if (["NOT_A_MEMBER", "UNKNOWN_POOL"].includes(details.error_code ?? "")) return false;
  const feature = team[details.feature_type ?? ""];
  return feature !== undefined && feature.error_code === undefined &&
    (feature.remaining === null || feature.remaining > 0);
}

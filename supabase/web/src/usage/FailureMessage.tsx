// What came of a request that has failed: a refusal with its limit, or an error.
import { Alert } from "@mantine/core";
import { Failure, sentenceFor } from "../server/failure.ts";
import { Refusal } from "./Refusal.tsx";

export function FailureMessage({ failure }: { failure: unknown }) {
  if (failure === null) return null;
  if (failure instanceof Failure && failure.isRefusal) return <Refusal refusal={failure.details} />;
  return <Alert color="red" variant="light" title={sentenceFor(failure)} />;
}

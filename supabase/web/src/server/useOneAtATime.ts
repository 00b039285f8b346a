// Keeps a double click from sending a request twice.
import type { UseMutationResult } from "@tanstack/react-query";
import { useRef } from "react";

/** Starts a mutation unless it is running. State is too late for this: the second click can come before the next drawing. */
export function useOneAtATime<T, V>(mutation: UseMutationResult<T, Error, V>) {
  const isRunning = useRef(false);
  return (variables: V, onSuccess?: () => void) => {
    if (isRunning.current) return;
    isRunning.current = true;
    mutation.mutate(variables, { onSuccess, onSettled: () => (isRunning.current = false) });
  };
}

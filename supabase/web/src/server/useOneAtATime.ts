// Keeps a double click from sending a request twice.
import type { UseMutationResult } from "@tanstack/react-query";
import { useRef } from "react";

/** Starts a mutation unless it is running: the second click can come before a button is drawn as disabled. */
export function useOneAtATime<T, V>(mutation: UseMutationResult<T, Error, V>) {
  const isRunning = useRef(false);
  return (variables: V, onSuccess?: () => void) => {
    if (isRunning.current) return;
    isRunning.current = true;
    mutation.mutate(variables, { onSuccess, onSettled: () => (isRunning.current = false) });
  };
}

// Does something for a user or a team, with the edge function operator: once, however often a request is repeated.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { z } from "zod";
import { Failure } from "../server/failure.ts";
import { invoke } from "../server/requests.ts";
import type { Owner } from "./owner.ts";

/** What the edge function wants besides the owner: see its actions.ts. */
export interface Action {
  action: "grant" | "void" | "override" | "end" | "correct";
  reason: string;
  [key: string]: unknown;
}

const done = z.object({ replayed: z.boolean() });

export function useAction(owner: Owner) {
  const queries = useQueryClient();
  const requestId = useRef(crypto.randomUUID());
  const next = () => (requestId.current = crypto.randomUUID());
  return useMutation({
    mutationFn: (action: Action) =>
      invoke(done, "operator", { ...action, ...owner, request_id: requestId.current }),
    onSuccess: next,
    // If the answer was lost, the same id asks for the same again: what was done is not done twice, and something
    // else is refused. Only a correction of another member's count is not: its id belongs to the member.
    onError: (failure) => {
      if (!(failure instanceof Failure && failure.isOutage)) next();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["operator"] }),
  });
}

// Buys a pack with the edge function buy-pack, which works on a local stack. In an app, the button opens the
// payment provider's page, and the payment's webhook grants the pack.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { z } from "zod";
import { Failure } from "../server/failure.ts";
import { invoke } from "../server/requests.ts";

const bought = z.object({ granted: z.number() });

export function useBuyPack(userId: string) {
  const queries = useQueryClient();
  const attempt = useRef<{ pack: string; purchaseId: string }>(undefined);
  return useMutation({
    mutationFn: async (pack: string) => {
      // If the answer was lost, the same id asks for the same purchase, which is then granted once.
      if (attempt.current?.pack !== pack) attempt.current = { pack, purchaseId: crypto.randomUUID() };
      const body = { user_id: userId, pack, purchase_id: attempt.current.purchaseId };
      const answer = await invoke(bought, "buy-pack", body);
      attempt.current = undefined;
      return answer;
    },
    onError: (failure) => {
      if (!(failure instanceof Failure && failure.isOutage)) attempt.current = undefined;
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["limits", userId] }),
  });
}

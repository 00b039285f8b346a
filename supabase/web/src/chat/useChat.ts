// A conversation with the edge function llm-handler.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { z } from "zod";
import { invoke } from "../server/requests.ts";
import { useOneAtATime } from "../server/useOneAtATime.ts";
import { readUsageAgain } from "../usage/readUsageAgain.ts";

const answer = z.object({ reply: z.string(), offer: z.object({ prompt: z.string() }).optional() });

export interface Turn {
  message: string;
  reply: string;
  /** The prompt of an image that the model would make. */
  imagePrompt?: string;
}

export function useChat(userId: string, chatId: string) {
  const queries = useQueryClient();
  const [turns, setTurns] = useState<Turn[]>([]);
  const sending = useMutation({
    mutationFn: async (message: string): Promise<Turn> => {
      const { reply, offer } = await invoke(answer, "llm-handler", {
        user_id: userId,
        chat_id: chatId,
        message,
      });
      return { message, reply, imagePrompt: offer?.prompt };
    },
    onSuccess: (turn) => setTurns((before) => [...before, turn]),
    onSettled: () => readUsageAgain(queries, userId),
  });
  return { turns, sending, send: useOneAtATime(sending) };
}

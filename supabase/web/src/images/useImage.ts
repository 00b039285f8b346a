// Makes an image with the edge function image-generate.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { z } from "zod";
import { Failure } from "../server/failure.ts";
import { invoke } from "../server/requests.ts";
import { useOneAtATime } from "../server/useOneAtATime.ts";

const image = z.object({ image_id: z.string(), image_url: z.string().startsWith("data:image/png;base64,") });

export interface MadeImage {
  url: string;
  prompt: string;
}

export function useImage(userId: string, chatId: string) {
  const queries = useQueryClient();
  const [last, setLast] = useState<MadeImage>();
  const attempt = useRef<{ prompt: string; imageId: string }>(undefined);
  const making = useMutation({
    mutationFn: async (prompt: string): Promise<MadeImage> => {
      // If the answer was lost, the same id asks for the same image, which is then counted once.
      if (attempt.current?.prompt !== prompt) attempt.current = { prompt, imageId: crypto.randomUUID() };
      const body = { user_id: userId, chat_id: chatId, prompt, image_id: attempt.current.imageId };
      const { image_url: url } = await invoke(image, "image-generate", body);
      attempt.current = undefined;
      return { url, prompt };
    },
    onSuccess: setLast,
    onError: (failure) => {
      // 503: the database may have counted it, although it did not answer.
      const isLost = failure instanceof Failure && (failure.status === 0 || failure.status === 503);
      if (!isLost) attempt.current = undefined;
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["limits", userId] }),
  });
  return { last, making, make: useOneAtATime(making) };
}

// Makes an image with the edge function image-generate.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { z } from "zod";
import { Failure } from "../server/failure.ts";
import { invoke } from "../server/requests.ts";
import { useOneAtATime } from "../server/useOneAtATime.ts";
import { readUsageAgain } from "../usage/readUsageAgain.ts";

const image = z.object({ image_id: z.string(), image_url: z.string().startsWith("data:image/png;base64,") });

export interface MadeImage {
  url: string;
  prompt: string;
}

export interface WantedImage {
  prompt: string;
  /** The team that it is for; without one, it is the user's own. */
  poolId?: string;
}

export function useImage(userId: string, chatId: string) {
  const queries = useQueryClient();
  const [last, setLast] = useState<MadeImage>();
  const attempt = useRef<WantedImage & { imageId: string }>(undefined);
  const making = useMutation({
    mutationFn: async ({ prompt, poolId }: WantedImage): Promise<MadeImage> => {
      // If the answer was lost, the same id asks for the same image, which is then counted once.
      if (attempt.current?.prompt !== prompt || attempt.current.poolId !== poolId) {
        attempt.current = { prompt, poolId, imageId: crypto.randomUUID() };
      }
      const { imageId } = attempt.current;
      const body = { user_id: userId, chat_id: chatId, prompt, image_id: imageId, pool_id: poolId };
      const { image_url: url } = await invoke(image, "image-generate", body);
      attempt.current = undefined;
      return { url, prompt };
    },
    onSuccess: setLast,
    onError: (failure) => {
      if (!mayStillCome(failure)) attempt.current = undefined;
    },
    onSettled: () => readUsageAgain(queries, userId),
  });
  return { last, making, make: useOneAtATime(making) };
}

/** Whether the server may have made the image, or may still make it: then the same id asks for it again. */
function mayStillCome(failure: unknown): boolean {
  if (!(failure instanceof Failure)) return false;
  const { error_code } = failure.details;
  return error_code === "IMAGE_NOT_READY" || (failure.isOutage && error_code !== "IMAGE_FAILED");
}

// POST {chat_id, message, user_id, mode?}: answers a chat message. If the model wants to make an
// image, checks the limit before offering one; the offer itself counts nothing.
import { z } from "zod";
import { actingFor, authenticate } from "../_shared/caller.ts";
import { json, readBody, servePost, uuid, words } from "../_shared/http.ts";
import { checkLimit } from "../_shared/limitChecker.ts";
import { refusal } from "../_shared/refusal.ts";
import { serviceClient } from "../_shared/serviceClient.ts";
import { LocalModel } from "./model.ts";
import { noImage } from "./noImage.ts";

const chatRequest = z.object({
  chat_id: uuid,
  message: words,
  user_id: uuid,
  mode: words.max(50).optional(),
});

const model = new LocalModel();
const supabase = serviceClient();

servePost(async (request) => {
  const caller = await authenticate(request);
  const { chat_id, message, user_id } = await readBody(request, chatRequest);
  const userId = actingFor(caller, user_id);

  const turn = await model.answer(message);
  if ("text" in turn) return json(200, { chat_id, reply: turn.text });

  const answer = await checkLimit(supabase, userId, "image_generation", 1);
  if (answer.error_code === "RPC_ERROR") throw refusal(answer);
  if (!answer.allowed) return json(200, { chat_id, reply: noImage(answer) });
  return json(200, {
    chat_id,
    reply: "Shall I make this image?",
    offer: { function: "image-generate", prompt: turn.imagePrompt },
  });
});

// POST {chat_id, message, user_id, mode?}: counts a chat message and answers it, if the daily limit allows
// it. If the model wants to make an image, checks that limit before offering one; the offer itself
// counts nothing.
import { z } from "zod";
import { actingFor, authenticate } from "../_shared/caller.ts";
import { json, readBody, servePost, uuid, words } from "../_shared/http.ts";
import { serviceClient } from "../_shared/serviceClient.ts";
import { chat } from "./chat.ts";
import { LocalModel } from "./model.ts";

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
  const answer = await chat(supabase, model, actingFor(caller, user_id), message);
  return json(200, { chat_id, ...answer });
});

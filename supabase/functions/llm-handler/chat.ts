// One turn of a chat: counts the message, then has the model answer it. A message that is refused never
// reaches the model. The model is quick, so one step checks and counts; for a slow or failing one,
// reserve and commit as image-generate does.
import { checkLimit, type Client, consume } from "../_shared/limitChecker.ts";
import { refusal } from "../_shared/refusal.ts";
import type { ChatModel } from "./model.ts";
import { noImage } from "./noImage.ts";

export async function chat(supabase: Client, model: ChatModel, userId: string, message: string) {
  const counted = await consume(supabase, userId, "chat", 1);
  if (!counted.allowed) throw refusal(counted);
  const turn = await model.answer(message);
  const reply = "text" in turn ? { reply: turn.text } : await offer(supabase, userId, turn.imagePrompt);
  return { ...reply, limit: counted.limit, used: counted.current_usage, remaining: counted.remaining };
}

async function offer(supabase: Client, userId: string, prompt: string) {
  const answer = await checkLimit(supabase, userId, "image_generation", 1);
  // The message is counted: answer it in any case.
  if (answer.error_code === "RPC_ERROR") return { reply: "I can't make images at the moment." };
  if (!answer.allowed) return { reply: noImage(answer) };
  return { reply: "Shall I make this image?", offer: { function: "image-generate", prompt } };
}

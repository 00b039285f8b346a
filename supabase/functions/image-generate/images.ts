// Stores images in a table, as base64.
import { Buffer } from "node:buffer";
import type { Client } from "../_shared/limitChecker.ts";
import { dataOf } from "../_shared/refusal.ts";

interface Image {
  id: string;
  user_id: string;
  chat_id: string;
  prompt: string;
  mode?: string;
}

export async function saveImage(supabase: Client, image: Image, png: Uint8Array): Promise<string> {
  const png_base64 = Buffer.from(png).toString("base64");
  const { id, user_id, chat_id, prompt, mode } = image;
  const { error } = await supabase.from("generated_images").insert({
    id,
    user_id,
    chat_id,
    prompt,
    mode,
    png_base64,
  });
  if (error) throw new Error(`the image was not saved: ${error.message}`);
  return png_base64;
}

export async function findImage(supabase: Client, userId: string, id: string) {
  return dataOf(
    await supabase.from("generated_images").select("prompt, png_base64")
      .eq("user_id", userId).eq("id", id).maybeSingle(),
  );
}

/** Whether a reservation still waits for its image. */
export async function isOpen(supabase: Client, reservationId: string): Promise<boolean> {
  const reservation = dataOf(
    await supabase.from("feature_reservations").select("status, expires_at")
      .eq("reservation_id", reservationId).maybeSingle(),
  );
  return reservation?.status === "reserved" && Date.parse(reservation.expires_at) > Date.now();
}

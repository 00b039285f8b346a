// POST {chat_id, prompt, user_id, mode?, image_id?, pool_id?}: generates an image, if the daily limit allows
// it: that of the user, or of the pool, if one is named. One image is reserved before the expensive call, and settled after it, so that images and
// counts always match. Repeating a request with its image_id returns the same image; after a failure, a
// caller sends a new one.
import { z } from "zod";
import { actingFor, authenticate } from "../_shared/caller.ts";
import { HttpError, json, readBody, servePost, uuid, words } from "../_shared/http.ts";
import { commit, release, reserve } from "../_shared/limitChecker.ts";
import { refusal, rpcRefusal } from "../_shared/refusal.ts";
import { serviceClient } from "../_shared/serviceClient.ts";
import { findImage, isOpen, saveImage } from "./images.ts";
import { imageModel } from "./model.ts";

// Longer than the longest generation.
const GENERATION_MS = 60_000;
const RESERVATION = "3 minutes";

// A caller repeats a request with the same image_id until it has one of these: then the image may still
// come if it is not ready, and never comes if it has failed.
const NOT_READY = { error_code: "IMAGE_NOT_READY" };
const FAILED = { error_code: "IMAGE_FAILED" };
const COULD_NOT_BE_MADE = "This image could not be made. Try again.";

const imageRequest = z.object({
  chat_id: uuid,
  prompt: words,
  user_id: uuid,
  mode: words.max(50).optional(),
  image_id: uuid.optional(),
  /** The team that it is for. Whether the user is a member, the database knows. */
  pool_id: uuid.optional(),
});

const model = imageModel();
const supabase = serviceClient();

servePost(async (request) => {
  const caller = await authenticate(request);
  const { image_id = crypto.randomUUID(), ...wanted } = await readBody(request, imageRequest);
  const image = { ...wanted, id: image_id, user_id: actingFor(caller, wanted.user_id) };

  const reserved = await reserve(supabase, image.user_id, "image_generation", 1, {
    ttl: RESERVATION,
    idempotencyKey: image.id,
    poolId: image.pool_id,
  });
  if (!reserved.allowed || !reserved.reservation_id) throw refusal(reserved);

  const png = reserved.replayed
    ? await madeBefore(image, reserved.reservation_id)
    : await make(image, reserved.reservation_id);

  // Return the image only if it is counted. Repeating a commit changes nothing.
  const counted = await commit(supabase, reserved.reservation_id);
  if (!counted.committed) {
    if (counted.error_code === "RPC_ERROR") throw rpcRefusal(counted.rpc_code);
    throw new HttpError(409, COULD_NOT_BE_MADE, FAILED);
  }
  return json(200, {
    image_id: image.id,
    chat_id: image.chat_id,
    mode: image.mode,
    image_url: `data:image/png;base64,${png}`,
    limit: reserved.limit,
    used: reserved.current_usage,
    remaining: reserved.remaining,
  });
});

type Image = z.infer<typeof imageRequest> & { id: string };

async function make(image: Image, reservationId: string): Promise<string> {
  try {
    const png = await model.generate(image.prompt, AbortSignal.timeout(GENERATION_MS));
    return await saveImage(supabase, image, png);
  } catch (error) {
    console.error(JSON.stringify({ event: "image_failed", image_id: image.id, message: String(error) }));
    // If this fails too, the reservation expires.
    await release(supabase, reservationId);
    throw new HttpError(502, "The image could not be made, and was not counted. Try again.", FAILED);
  }
}

async function madeBefore(image: Image, reservationId: string): Promise<string> {
  const made = await findImage(supabase, image.user_id, image.id);
  if (!made && await isOpen(supabase, reservationId)) {
    throw new HttpError(409, "This image is not ready yet. Try again in a moment.", NOT_READY);
  }
  if (!made) throw new HttpError(409, COULD_NOT_BE_MADE, FAILED);
  if (made.prompt !== image.prompt) throw new HttpError(409, "This image_id belongs to another prompt.");
  return made.png_base64;
}

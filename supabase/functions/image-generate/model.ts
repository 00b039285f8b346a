// The interface of image models, which make a PNG from a prompt.
import { LocalModel } from "./localModel.ts";
import { RemoteModel } from "./remoteModel.ts";

export interface ImageModel {
  /** Returns the bytes of a PNG; throws on failure. */
  generate(prompt: string, signal: AbortSignal): Promise<Uint8Array>;
}

/** The remote model if IMAGE_API_URL is set; otherwise the local one, which needs no API key. */
export function imageModel(): ImageModel {
  const url = Deno.env.get("IMAGE_API_URL");
  if (!url) return new LocalModel();
  return new RemoteModel(
    url,
    Deno.env.get("IMAGE_API_KEY") ?? "",
    Deno.env.get("IMAGE_API_MODEL") ?? "gpt-image-1",
  );
}

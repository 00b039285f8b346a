// The image model: whatever makes a PNG of a prompt.
import { LocalModel } from "./localModel.ts";
import { RemoteModel } from "./remoteModel.ts";

export interface ImageModel {
  /** The bytes of a PNG. Throws if there will be none. */
  generate(prompt: string, signal: AbortSignal): Promise<Uint8Array>;
}

/** A remote model where IMAGE_API_URL names one; otherwise the local one, which needs no key. */
export function imageModel(): ImageModel {
  const url = Deno.env.get("IMAGE_API_URL");
  if (!url) return new LocalModel();
  return new RemoteModel(
    url,
    Deno.env.get("IMAGE_API_KEY") ?? "",
    Deno.env.get("IMAGE_API_MODEL") ?? "gpt-image-1",
  );
}

// A model behind an HTTP API that is compatible with OpenAI's.
import { Buffer } from "node:buffer";
import { z } from "zod";
import type { ImageModel } from "./model.ts";

const answer = z.object({ data: z.array(z.object({ b64_json: z.base64() })).nonempty() });

export class RemoteModel implements ImageModel {
  constructor(private readonly url: string, private readonly key: string, private readonly model: string) {}

  async generate(prompt: string, signal: AbortSignal): Promise<Uint8Array> {
    const response = await fetch(this.url, {
      method: "POST",
      headers: { "Authorization": `Bearer ${this.key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ model: this.model, prompt, n: 1, size: "1024x1024" }),
      signal,
    });
    if (!response.ok) throw new Error(`the image model answered ${response.status}`);
    const { data: [image] } = answer.parse(await response.json());
    return Buffer.from(image.b64_json, "base64");
  }
}

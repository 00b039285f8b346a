// The image model for the tests of edge functions: draws with the local model, counts its images,
// and can fail or wait on demand.
import { Buffer } from "node:buffer";
import { LocalModel } from "../../../supabase/functions/image-generate/localModel.ts";
import { setting } from "./stack.ts";

export class ModelServer implements AsyncDisposable {
  asked = 0;
  made = 0;
  /** The answer instead of an image. */
  failure?: () => Response;
  /** Must resolve before the model draws. */
  gate: Promise<void> = Promise.resolve();

  private readonly closing = new AbortController();
  private readonly server = Deno.serve(
    {
      hostname: "127.0.0.1",
      port: Number(setting("IMAGE_API_PORT")),
      signal: this.closing.signal,
      onListen: () => {},
    },
    async (request) => {
      const { prompt } = await request.json();
      this.asked += 1;
      await this.gate;
      if (this.failure) return this.failure();
      this.made += 1;
      const png = await new LocalModel().generate(prompt);
      return Response.json({ data: [{ b64_json: Buffer.from(png).toString("base64") }] });
    },
  );

  async [Symbol.asyncDispose]() {
    // Do not wait for requests that a failed test has left waiting.
    this.closing.abort();
    await this.server.finished;
  }
}

// The image model that the edge functions of the tests call: it draws with the local model, counts
// what it has drawn, and can be told to fail or to wait.
import { Buffer } from "node:buffer";
import { LocalModel } from "../../../supabase/functions/image-generate/localModel.ts";
import { setting } from "./stack.ts";

export class ModelServer implements AsyncDisposable {
  asked = 0;
  made = 0;
  /** What the model answers instead of an image. */
  failure?: () => Response;
  /** What the model waits for before it draws. */
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
    // Without waiting for whoever still waits at the gate of a test that has failed.
    this.closing.abort();
    await this.server.finished;
  }
}

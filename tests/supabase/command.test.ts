// The command dev/supabase: it starts a stack, prints how to use it, stops it, and removes its data.
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { decode } from "fast-png";
import { setting } from "./support/stack.ts";

const NAME = "supabase_command";
const port = Number(setting("COMMAND_PORT"));

const command = (args: string[] = []) =>
  new Deno.Command("dev/supabase", {
    args,
    env: { NAME, PORT: String(port), SKIP_BUILD: "1", IMAGE_API_URL: "" },
    stdout: "piped",
    stderr: "piped",
  });

interface Started extends AsyncDisposable {
  /** The value printed after a label, such as a key. */
  printed(name: string): string;
  process: Deno.ChildProcess;
}

async function start(): Promise<Started> {
  const process = command().spawn();
  let text = "";
  const reading = (async () => {
    for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (text.includes("Ctrl-C stops it")) break;
    }
  })();
  await reading;
  assert.match(text, /The local Supabase is running/);
  return {
    process,
    printed: (name) => new RegExp(`${name} +(\\S+)`).exec(text)![1],
    [Symbol.asyncDispose]: async () => {
      await command(["stop"]).output();
      await process.status;
      await process.stderr.cancel();
    },
  };
}

function leftBehind(): string[] {
  const clusters = Deno.env.get("CLUSTERS_IN_MEMORY") ?? ".pg";
  const entries = [clusters, ".stack/run"].flatMap((folder) =>
    [...Deno.readDirSync(folder)].map(({ name }) => name)
  );
  return entries.filter((name) => name === NAME);
}

const answers = () => fetch(`http://127.0.0.1:${port}/rest/v1/`).then((response) => response.body?.cancel());

const alice = "a11ce000-0000-4000-8000-000000000001";
const KEYS = ["URL", "anon key", "service key", "JWT secret"];

/** Alice makes an image; returns how many she has used. */
async function makeImage(stack: Started): Promise<number> {
  const asAlice = createClient(stack.printed("URL"), stack.printed("anon key"), {
    accessToken: () => Promise.resolve(stack.printed("Alice's token")),
  });
  const body = { chat_id: crypto.randomUUID(), prompt: "a cat", user_id: alice };
  const { data } = await asAlice.functions.invoke("image-generate", { body });
  assert.equal(decode(Buffer.from(data.image_url.split(",")[1], "base64")).width, 256);
  return data.used;
}

Deno.test("it starts and stops, and keeps its keys and data until a reset", async () => {
  let keys: string[];
  {
    await using stack = await start();
    keys = KEYS.map(stack.printed);
    const service = createClient(keys[0], stack.printed("service key"), { auth: { persistSession: false } });
    const consumed = await service.rpc("consume_feature", {
      p_user_id: alice,
      p_feature_type: "image_generation",
    });
    assert.equal(consumed.data.consumed, 1);
    assert.equal(await makeImage(stack), 2);

    const second = await command().output();
    assert.match(new TextDecoder().decode(second.stderr), /already running/);

    stack.process.kill("SIGINT");
    await stack.process.status;
    await assert.rejects(answers());
  }
  {
    await using stack = await start();
    assert.deepEqual(KEYS.map(stack.printed), keys);
    assert.equal(await makeImage(stack), 3);

    await command(["stop"]).output();
    await stack.process.status;
    await assert.rejects(answers());
  }
  await command(["reset"]).output();
  assert.deepEqual(leftBehind(), []);
});

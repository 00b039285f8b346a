// The command dev/supabase: it starts a stack, prints how to use it, stops it, and removes its data.
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { decode } from "fast-png";
import { setting } from "./support/stack.ts";

const NAME = "supabase_command";
const port = Number(setting("COMMAND_PORT"));
const settings = {
  NAME,
  PORT: String(port),
  WEB_PORT: setting("COMMAND_WEB_PORT"),
  SKIP_BUILD: "1",
  IMAGE_API_URL: "",
};

const command = (args: string[] = [], env: Record<string, string> = {}) =>
  new Deno.Command("dev/supabase", {
    args,
    env: { ...settings, ...env },
    stdout: "piped",
    stderr: "piped",
  });

interface Started extends AsyncDisposable {
  /** What it has printed. */
  text: string;
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
    text,
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

const ended = async (process: Deno.Command) => {
  const { success, stdout, stderr } = await process.output();
  const [printed, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { success, printed, error };
};

/** Signs in; returns the client, the user, and the answer whether they may chat. */
async function signIn(stack: Started, email: string, password: string) {
  const page = createClient(stack.printed("URL"), stack.printed("anon key"), {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  const { data: { user }, error } = await page.auth.signInWithPassword({ email, password });
  assert.equal(error, null, email);
  const chat = await page.rpc("check_feature_limit", { p_user_id: user!.id, p_feature_type: "chat" });
  return { page, user: user!, chat: chat.data };
}

async function demoUsersSignIn(stack: Started) {
  const password = /all with the password (\S+):/.exec(stack.text)![1];
  const emails = [...stack.text.matchAll(/^ +(\w+@example\.com) +/gm)].map(([, email]) => email);
  const users = await Promise.all(emails.map((email) => signIn(stack, email, password)));
  const cases = users.map(({ user, chat }) => [
    user.email,
    chat.error_code ?? chat.limit,
    user.app_metadata.role,
  ]);
  assert.deepEqual(cases, [
    ["alice@example.com", 3, undefined],
    ["grace@example.com", 100, undefined],
    ["paul@example.com", null, undefined],
    ["dora@example.com", "NO_SUBSCRIPTION", undefined],
    ["tim@example.com", "TRIAL_EXPIRED", undefined],
    ["cleo@example.com", 0, undefined],
    ["kate@example.com", 3, undefined],
    ["leo@example.com", 3, undefined],
    ["olga@example.com", 3, "operator"],
  ]);
  assert.equal(users[0].user.id, alice);
  for (const { page, chat } of users.slice(0, 3)) {
    const { data: history } = await page.from("feature_usage").select("chat_messages").gt("chat_messages", 0);
    assert.ok(history!.length > 10, "a history for the page's chart");
    assert.equal(chat.current_usage, 0);
  }
}

async function servesPage(stack: Started) {
  const get = async (path: string) => {
    const response = await fetch(stack.printed("page") + path);
    const header = (name: string) => response.headers.get(name) ?? "";
    return { status: response.status, header, text: await response.text() };
  };
  const page = await get("/");
  assert.deepEqual([page.status, page.header("content-type")], [200, "text/html"]);
  assert.equal(page.header("cache-control"), "no-cache");
  assert.match(page.header("content-security-policy"), /default-src 'self'/);
  assert.equal((await get("/any/address/of/the/page")).text, page.text);

  const script = await get(/src="(\/assets\/[^"]+\.js)"/.exec(page.text)![1]);
  assert.match(script.header("content-type"), /javascript/);
  assert.match(script.header("cache-control"), /immutable/);
  for (const name of ["URL", "anon key"]) assert.ok(script.text.includes(stack.printed(name)), name);
  assert.ok(!script.text.includes(stack.printed("service key")));
  assert.equal((await get("/assets/none.js")).status, 404);
}

async function createsUsers(stack: Started) {
  const email = "bea@example.com";
  const created = await ended(command(["user", email, "an own password"], { ROLE: "operator" }));
  assert.ok(created.success, created.error);
  const { user } = await signIn(stack, email, "an own password");
  assert.deepEqual([user.id, user.app_metadata.role], [/id +(\S+)/.exec(created.printed)![1], "operator"]);
  const again = await ended(command(["user", email]));
  assert.match(again.error, /already been registered[^]*was not created/);
}

Deno.test("it starts and stops, and keeps its keys and data until a reset", async (test) => {
  let keys: string[];
  {
    await using stack = await start();
    await test.step("it prints users, who can sign in", () => demoUsersSignIn(stack));
    await test.step("it serves the page", () => servesPage(stack));
    await test.step("it creates other users", () => createsUsers(stack));
    keys = KEYS.map(stack.printed);
    const service = createClient(keys[0], stack.printed("service key"), { auth: { persistSession: false } });
    const consumed = await service.rpc("consume_feature", {
      p_user_id: alice,
      p_feature_type: "image_generation",
    });
    assert.equal(consumed.data.consumed, 1);
    assert.equal(await makeImage(stack), 2);

    assert.match((await ended(command())).error, /already running/);
    const portTaken = await ended(command([], { NAME: `${NAME}_second`, PORT: "1" }));
    assert.match(portTaken.error, /the page, is in use: [^]*WEB_PORT/);

    stack.process.kill("SIGINT");
    await stack.process.status;
    await assert.rejects(answers());
    assert.match((await ended(command(["user", "carl@example.com"]))).error, /not running: start it/);
  }
  {
    await using stack = await start();
    assert.deepEqual(KEYS.map(stack.printed), keys);
    await signIn(stack, "bea@example.com", "an own password");
    assert.equal(await makeImage(stack), 3);

    await command(["stop"]).output();
    await stack.process.status;
    await assert.rejects(answers());
  }
  await command(["reset"]).output();
  assert.deepEqual(leftBehind(), []);
});

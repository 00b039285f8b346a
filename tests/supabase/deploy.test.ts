// Each edge function works with the files and packages that the Supabase CLI deploys, and nothing else. The
// CLI runs as for a hosted project, with an API that only keeps what it is sent.
import { dirname, join, normalize } from "node:path";
import assert from "node:assert/strict";
import { run } from "./support/database.ts";
import { setting } from "./support/stack.ts";

interface Deployed {
  files: File[];
  metadata: { entrypoint_path: string; import_map_path?: string; verify_jwt: boolean };
}

/** Supabase's API for deployments. */
class ManagementApi implements AsyncDisposable {
  readonly deployed: Deployed[] = [];

  private readonly server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      if (request.method !== "POST") return Response.json([]);
      const form = await request.formData();
      this.deployed.push({
        files: form.getAll("file") as File[],
        metadata: JSON.parse(String(form.get("metadata"))),
      });
      const name = new URL(request.url).searchParams.get("slug");
      return Response.json({ id: name, slug: name, name, status: "ACTIVE", version: 1 }, { status: 201 });
    },
  );

  /** Settings of the CLI with which it deploys here. */
  profile(): string {
    const url = `http://127.0.0.1:${this.server.addr.port}`;
    return [
      "name: local_test",
      `api_url: ${url}`,
      `dashboard_url: ${url}`,
      `docs_url: ${url}`,
      "project_host: localhost",
    ].join("\n");
  }

  async [Symbol.asyncDispose]() {
    await this.server.shutdown();
  }
}

/** What the CLI sends of a function of the project in this folder. */
async function deploy(name: string, project: string, folder: string): Promise<Deployed> {
  await using api = new ManagementApi();
  const profile = join(folder, "profile.yaml");
  await Deno.writeTextFile(profile, api.profile());
  const args = ["functions", "deploy", name, "--use-api", "--yes", "--remote=abcdefghijklmnopqrst"]
    .concat(["--workdir", project, "--profile", profile]);
  const env = { SUPABASE_ACCESS_TOKEN: `sbp_${"0".repeat(40)}` };
  const { success, stderr } = await new Deno.Command(setting("SUPABASE_CLI"), { args, env }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  assert.equal(api.deployed.length, 1);
  return api.deployed[0];
}

/** Unpacks what was deployed into an empty folder, and has Deno load its imports there. */
async function load({ files, metadata }: Deployed, folder: string): Promise<void> {
  for (const file of files) {
    const path = join(folder, file.name);
    assert.ok(
      normalize(file.name).startsWith("supabase/functions/"),
      `${file.name} is outside of supabase/functions`,
    );
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeFile(path, file.stream());
  }
  assert.ok(metadata.import_map_path, "no import map is deployed");
  const config = join(folder, metadata.import_map_path);
  const entrypoint = join(folder, metadata.entrypoint_path);
  await run(Deno.execPath(), ["cache", "--quiet", "--no-lock", "--config", config, entrypoint]);
}

async function inNewFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const functions = [...Deno.readDirSync("supabase/functions")]
  .filter(({ name, isDirectory }) => isDirectory && !name.startsWith("_")).map(({ name }) => name).sort();

Deno.test("config.toml lists every function", async () => {
  const config = await Deno.readTextFile("supabase/config.toml");
  const listed = [...config.matchAll(/^\[functions\.(.+)\]$/gm)].map(([, name]) => name);
  assert.deepEqual(listed.sort(), functions);
});

/** Those whose callers have no token of the project, and prove themselves otherwise. */
const webhooks = ["payment-webhook", "usage-alert"];

for (const name of functions) {
  const callers = webhooks.includes(name) ? "for callers without a token" : "for signed-in callers only";
  Deno.test(`${name} is deployed with everything it imports, ${callers}`, () =>
    inNewFolder(async (folder) => {
      const deployed = await deploy(name, Deno.cwd(), folder);
      assert.equal(deployed.metadata.verify_jwt, !webhooks.includes(name));
      await load(deployed, folder);
    }));
}

const unusable = {
  "not-in-the-import-map": /not-in-the-import-map/,
  "../../../dev/stack/token.ts": /is outside/,
};
for (const [imported, reason] of Object.entries(unusable)) {
  Deno.test(`an import of ${imported} would be found`, () =>
    inNewFolder(async (folder) => {
      const project = join(folder, "project");
      await Deno.mkdir(join(project, "supabase"), { recursive: true });
      await run("cp", ["-R", "dev", project]);
      await run("cp", ["-R", "supabase/config.toml", "supabase/functions", join(project, "supabase")]);
      const index = join(project, "supabase/functions/image-generate/index.ts");
      await Deno.writeTextFile(index, `import "${imported}";\n`, { append: true });
      await assert.rejects(
        deploy("image-generate", project, folder).then((sent) => load(sent, folder)),
        { message: reason },
      );
    }));
}

// Generates the TypeScript types of a database with the Supabase CLI. As a command, types.ts
// ADDRESS FILE writes them to the file. SUPABASE_CLI is the program.

export async function generateTypes(address: string): Promise<string> {
  const cli = Deno.env.get("SUPABASE_CLI");
  if (!cli) throw new Error("SUPABASE_CLI is not set");
  const types = await output(cli, [
    "gen",
    "types",
    "--lang",
    "typescript",
    "--schema",
    "public",
    "--remote",
    address,
  ]);
  return await output(Deno.execPath(), ["fmt", "--ext", "ts", "--line-width", "110", "-"], types);
}

async function output(program: string, args: string[], input = ""): Promise<string> {
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const [address, file] = Deno.args;
  await Deno.writeTextFile(file, await generateTypes(address));
}

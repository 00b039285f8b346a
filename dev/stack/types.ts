// Generates the TypeScript types of a database with the Supabase CLI. As a command: types.ts FILE
// writes them there. SUPABASE_CLI is the program, DATABASE_URL the database.

export async function generateTypes(): Promise<string> {
  const cli = Deno.env.get("SUPABASE_CLI")!;
  const types = await output(cli, [
    "gen",
    "types",
    "--lang",
    "typescript",
    "--schema",
    "public",
    "--remote",
    Deno.env.get("DATABASE_URL")!,
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

if (import.meta.main) Deno.writeTextFileSync(Deno.args[0], await generateTypes());

// An edge function as it runs on a server that is not a local stack.
import { until } from "./database.ts";
import { serviceKey, setting, url } from "./stack.ts";

/** Runs a function with this PLANS_WITHOUT_PAYMENT, and posts to it. */
export async function postWithPayment(
  name: string,
  PLANS_WITHOUT_PAYMENT: string | undefined,
  body: unknown,
  bearer: string,
) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const config = "supabase/functions/deno.json";
  const env = { ...Deno.env.toObject(), DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}` };
  const running = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--config", config, "--allow-all", `supabase/functions/${name}/index.ts`],
    clearEnv: true,
    env: {
      ...env,
      SUPABASE_URL: url,
      SUPABASE_SERVICE_ROLE_KEY: serviceKey,
      JWT_SECRET: setting("JWT_SECRET"),
      ...(PLANS_WITHOUT_PAYMENT !== undefined && { PLANS_WITHOUT_PAYMENT }),
    },
  }).spawn();
  try {
    const address = `http://127.0.0.1:${port}`;
    await until(() => fetch(address, { method: "OPTIONS" }).then((answer) => answer.ok, () => false));
    const request = {
      method: "POST",
      headers: { Authorization: `Bearer ${bearer}` },
      body: JSON.stringify(body),
    };
    const response = await fetch(address, request);
    return { status: response.status, body: await response.json() };
  } finally {
    running.kill();
    await running.status;
  }
}

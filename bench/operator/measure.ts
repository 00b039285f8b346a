// Calls each report of the edge function operator 20 times, and prints how long the caller waits.
import { SignJWT } from "jose";

const CALLS = 20;
const AIM_MS = 200;

const [url, secret] = ["SUPABASE_URL", "JWT_SECRET"].map((name) => {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} is not set: start this with dev/bench-operator`);
  return value;
});
const operator = await new SignJWT({ role: "authenticated", app_metadata: { role: "operator" } })
  .setProtectedHeader({ alg: "HS256" }).setSubject(crypto.randomUUID()).setExpirationTime("1h")
  .sign(new TextEncoder().encode(secret));

/** Milliseconds until the whole answer is there. */
async function wait(report: Record<string, unknown>): Promise<number> {
  const started = performance.now();
  const response = await fetch(`${url}/functions/v1/operator`, {
    method: "POST",
    headers: { "Authorization": `Bearer ${operator}`, "Content-Type": "application/json" },
    body: JSON.stringify(report),
  });
  const text = await response.text();
  const waited = performance.now() - started;
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return waited;
}

function print(what: string, waits: number[]): void {
  const sorted = waits.toSorted((a, b) => a - b);
  const [median, slowest] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)!];
  const columns = [median, slowest].map((ms) => `${ms.toFixed(0)} ms`.padStart(9));
  console.log(what.padEnd(62), ...columns, slowest < AIM_MS ? "   yes" : "   NO");
}

const reports = [
  { report: "near_limit" },
  { report: "near_limit", share: 1 },
  { report: "near_limit", page: 20 },
  { report: "top_users", feature_type: "chat" },
  { report: "top_users", feature_type: "voice_seconds", page: 20 },
  { report: "use_by_day" },
  { report: "use_by_day", days: 90 },
  { report: "user", search: "user77@example.com" },
];

console.log("report".padEnd(62), "   median   slowest", `  under ${AIM_MS} ms`);
print("the first use_by_day, which adds up the past days", [await wait({ report: "use_by_day" })]);
for (const report of reports) {
  const waits: number[] = [];
  for (let call = 0; call < CALLS; call++) waits.push(await wait(report));
  print(JSON.stringify(report), waits);
}

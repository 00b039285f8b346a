// Prints the calls per second that CLIENTS clients make through the REST server, with node's own fetch, which
// keeps its connections: node rest.ts CALLS USERS CLIENTS SECONDS ADDRESS KEY
// CALLS are the requests of one call, as JSON: functions with their arguments, to which the user is added; null
// in place of them is a function without any.
import { createHash } from "node:crypto";
import { measure } from "./load.ts";

const [calls, users, clients, seconds, address, key] = process.argv.slice(2);
const requests: [string, Record<string, unknown> | null][] = JSON.parse(calls);
const headers = { apikey: key, Authorization: `Bearer ${key}`, "Content-Type": "application/json" };

await measure(
  async (user) => {
    const p_user_id = idOf(user);
    for (const [name, args] of requests) {
      const body = JSON.stringify(args ? { p_user_id, ...args } : {});
      const response = await fetch(`${address}/${name}`, { method: "POST", headers, body });
      const text = await response.text(); // A connection is kept only if its answer was read.
      if (!response.ok) throw new Error(`${name}: ${response.status} ${text}`);
    }
  },
  Number(users),
  Number(clients),
  Number(seconds),
);

/** As tables.sql makes the ids of users. */
function idOf(user: string): string {
  return createHash("md5").update(user).digest("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

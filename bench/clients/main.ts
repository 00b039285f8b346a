// Prints the calls per second that CLIENTS clients make through node-postgres:
// node main.ts STATEMENT|rate-limiter-flexible USERS CLIENTS SECONDS SOCKET PORT SYNCHRONOUS_COMMIT
import pg from "pg";
import { RateLimiterPostgres } from "rate-limiter-flexible";
import { measure } from "./load.ts";

const [call, users, clients, seconds, host, port, commit] = process.argv.slice(2);
const pool = new pg.Pool({
  host,
  port: Number(port),
  user: "postgres",
  database: "bench",
  options: `-c synchronous_commit=${commit}`,
  max: Number(clients),
});

const make = call === "rate-limiter-flexible" ? await limited() : stated;
await measure(make, Number(users), Number(clients), Number(seconds));
await pool.end();

async function stated(user: string): Promise<void> {
  await pool.query({ name: "call", text: call, values: [user] });
}

async function limited(): Promise<(user: string) => Promise<void>> {
  const limiter = await new Promise<RateLimiterPostgres>((resolve, reject) => {
    const options = { storeClient: pool, storeType: "pool", tableName: "limiter", points: 2_000_000_000, duration: 86_400 };
    const made: RateLimiterPostgres = new RateLimiterPostgres(options, (error) => error ? reject(error) : resolve(made));
  });
  return async (user) => void await limiter.consume(user);
}

// The connection to the app's database, as Auth's own role.
import postgres from "postgres";
import { setting } from "./settings.ts";

export const sql = postgres({
  path: setting("DATABASE_SOCKET"),
  database: setting("DATABASE"),
  username: "supabase_auth_admin",
  max: 4,
  onnotice: () => {},
});

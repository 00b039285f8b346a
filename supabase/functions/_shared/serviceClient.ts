// The client with the service key: it may count, so the key must never leave the server.
import { createClient } from "@supabase/supabase-js";
import type { Client } from "./limitChecker.ts";
import { setting } from "./setting.ts";
import type { Database } from "./types.ts";

export function serviceClient(): Client {
  return createClient<Database>(setting("SUPABASE_URL"), setting("SUPABASE_SERVICE_ROLE_KEY"), {
    auth: { persistSession: false, autoRefreshToken: false },
  });
}

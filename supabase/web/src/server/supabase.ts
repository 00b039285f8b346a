// The client of the page: it has the public key and the token of the signed-in user, nothing more.
import { createClient } from "@supabase/supabase-js";
import type { Database } from "../../../functions/_shared/types.ts";

export const supabase = createClient<Database>(
  import.meta.env.VITE_SUPABASE_URL,
  import.meta.env.VITE_SUPABASE_ANON_KEY,
);

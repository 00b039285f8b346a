// The client of the page: it has the public key and the token of the signed-in user, nothing more.
import { createClient } from "@supabase/supabase-js";
import type { Database } from "../../../functions/_shared/types.ts";

// A server that hangs is one that does not answer. Making an image takes longest.
const FUNCTION_MS = 90_000;
const OTHER_MS = 15_000;

const fetchInTime: typeof fetch = (input, init) => {
  const url = input instanceof Request ? input.url : String(input);
  const timeout = AbortSignal.timeout(url.includes("/functions/v1/") ? FUNCTION_MS : OTHER_MS);
  return fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout });
};

export const supabase = createClient<Database>(
  import.meta.env.VITE_SUPABASE_URL,
  import.meta.env.VITE_SUPABASE_ANON_KEY,
  { global: { fetch: fetchInTime } },
);

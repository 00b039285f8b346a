// Ends a session that the server no longer accepts, so that the page asks to sign in again.
import { supabase } from "../server/supabase.ts";

/** Forgets the session in this browser only; the server has ended it already. */
export async function endSession(): Promise<void> {
  await supabase.auth.signOut({ scope: "local" });
}

// Ends the session of this browser, so that the page asks to sign in again.
import { supabase } from "./supabase.ts";

export async function endSession(): Promise<void> {
  await supabase.auth.signOut({ scope: "local" });
}

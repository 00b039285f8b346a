// Creates a user who can sign in at once: user.ts EMAIL PASSWORD [ROLE] prints the id. ROLE goes into
// app_metadata. SUPABASE_URL and SERVICE_KEY are those of the stack.
import { createClient } from "@supabase/supabase-js";

const setting = (name: string): string => {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} is not set`);
  return value;
};

const [email, password, role] = Deno.args;
const service = createClient(setting("SUPABASE_URL"), setting("SERVICE_KEY"), {
  auth: { persistSession: false },
});
const { data, error } = await service.auth.admin.createUser({
  email,
  password,
  email_confirm: true,
  app_metadata: role ? { role } : {},
});
if (error) {
  console.error(error.message);
  Deno.exit(1);
}
console.log(data.user.id);

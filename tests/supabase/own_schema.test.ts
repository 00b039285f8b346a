// The extension in a separate schema, which the API exposes in addition to public.
import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { sql } from "./support/database.ts";
import { anonKey, serviceKey, setting, userToken } from "./support/stack.ts";

const at = setting("OWN_SCHEMA_URL");
const service = createClient(at, serviceKey, { auth: { persistSession: false } }).schema("limits");
const signedIn = (userId: string) =>
  createClient(at, anonKey, { accessToken: () => userToken(userId) }).schema("limits");

Deno.test("its functions and tables work there, for the same roles", async () => {
  const userId = crypto.randomUUID();
  await sql(`insert into auth.users (id) values ('${userId}')`, { database: "own_schema" });
  const feature = { p_user_id: userId, p_feature_type: "image_generation" };
  const consumed = await service.rpc("consume_feature", feature);
  assert.deepEqual([consumed.error, consumed.data?.consumed], [null, 1]);
  const checked = await signedIn(userId).rpc("check_feature_limit", feature);
  assert.equal(checked.data?.current_usage, 1);
  const rows = await signedIn(userId).from("feature_usage").select("images_generated");
  assert.deepEqual(rows.data, [{ images_generated: 1 }]);
  assert.equal((await signedIn(userId).rpc("consume_feature", feature)).error?.code, "42501");
});

Deno.test("they are not in public", async () => {
  const { error } = await createClient(at, serviceKey).rpc("get_user_limits", {
    p_user_id: crypto.randomUUID(),
  });
  assert.equal(error?.code, "PGRST202");
});

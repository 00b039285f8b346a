// The takeover of an application with hand-written functions: the same answers, every count kept.
import assert from "node:assert/strict";
import { push, sql, until } from "./support/database.ts";
import { anon, service, signedIn, takeoverUrl } from "./support/stack.ts";
import type { FeatureType } from "../../supabase/functions/_shared/limitChecker.ts";

const features: FeatureType[] = ["voice_seconds", "image_generation", "therai_calls", "insights", "chat"];
const userIds = Array.from(
  { length: 8 },
  (_, n) => `00000000-0000-4000-8000-${String(n + 1).padStart(12, "0")}`,
);
const takeover = (text: string) => sql(text, { database: "takeover" });

/** The server's checks of every user and feature, for one more and for very many more. */
async function answers() {
  const all: Record<string, unknown> = {};
  for (const p_user_id of userIds) {
    for (const p_feature_type of features) {
      for (const p_requested_amount of [1, 1000]) {
        const { data, error } = await service(takeoverUrl).rpc("check_feature_limit", {
          p_user_id,
          p_feature_type,
          p_requested_amount,
        });
        assert.equal(error, null);
        const { allowed, limit, current_usage, remaining, is_unlimited, error_code } = data as Record<
          string,
          unknown
        >;
        all[`${p_user_id} ${p_feature_type} ${p_requested_amount}`] = {
          allowed,
          limit,
          current_usage,
          remaining,
          is_unlimited,
          error_code,
        };
      }
    }
    const { data, error } = await service(takeoverUrl).rpc("get_user_limits", { p_user_id });
    assert.equal(error, null);
    all[`${p_user_id} limits`] = data;
  }
  return all;
}

const counts = () =>
  takeover(`select id, user_id, period, coalesce(voice_seconds, 0), coalesce(insights_count, 0),
                   coalesce(therai_calls, 0), coalesce(chat_messages, 0), note, created_at
              from feature_usage where note = 'by hand' order by user_id, period`);

const takeOver = () => push("takeover", "supabase/takeover");

Deno.test("the takeover keeps every answer and every count", async () => {
  const before = await answers();
  const countsBefore = await counts();
  const imagesBefore = await takeover(
    `select user_id, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD') as day, count(*)
       from image_generation_log group by 1, 2 order by 1, 2`,
  );
  // Make sure that the comparison covers all kinds of answers.
  const codes = new Set(
    Object.values(before).map((answer) => (answer as { error_code?: string }).error_code),
  );
  assert.deepEqual(codes, new Set([undefined, "LIMIT_EXCEEDED", "TRIAL_EXPIRED", "NO_SUBSCRIPTION"]));
  assert.equal(countsBefore.length, 28);
  assert.equal(imagesBefore.length, 21);

  assert.match(await takeOver(), /Applying migration 20250401000000_feature_usage.sql/);

  assert.deepEqual(await answers(), before);
  assert.deepEqual(await counts(), countsBefore);
  assert.deepEqual(
    await takeover(
      "select user_id, period, images_generated from feature_usage where images_generated > 0 order by 1, 2",
    ),
    imagesBefore,
  );
  assert.deepEqual(await takeover("select to_regclass('image_generation_log') is null"), ["t"]);
});

Deno.test("a second push does nothing", async () => {
  const rows = () => takeover("select * from feature_usage order by user_id, period");
  const before = await rows();
  assert.match(await takeOver(), /up to date/);
  assert.deepEqual(await rows(), before);
});

Deno.test("user_plans is a view over profiles: a change there applies at once", async () => {
  const [userId] = userIds;
  assert.deepEqual(await takeover("select relkind from pg_class where oid = 'user_plans'::regclass"), ["v"]);
  await takeover(`update profiles set subscription_plan = 'growth', subscription_active = true,
                         subscription_status = 'active' where id = '${userId}'`);
  for (const client of [service(takeoverUrl), signedIn(userId, takeoverUrl)]) {
    const { data } = await client.rpc("check_feature_limit", { p_user_id: userId, p_feature_type: "chat" });
    assert.equal((data as { limit: number }).limit, 100);
  }
});

Deno.test("users read their own rows, and can no longer count", async () => {
  const [userId, other] = userIds;
  const user = signedIn(userId, takeoverUrl);
  const { data } = await user.from("feature_usage").select("user_id");
  assert.deepEqual(new Set(data?.map((row) => row.user_id)), new Set([userId]));
  const ownPlan = () => user.from("user_plans").select("user_id");
  // The REST server notices the new tables a moment after the migration.
  await until(async () => (await ownPlan()).error?.code !== "PGRST205");
  const plans = await ownPlan();
  assert.deepEqual([plans.error, plans.data], [null, [{ user_id: userId }]]);
  const count = { p_user_id: other, p_count: 1, p_period: "2025-02-10" };
  assert.equal((await user.rpc("increment_chat_messages", count)).error?.code, "42501");
  assert.equal((await anon(takeoverUrl).rpc("increment_chat_messages", count)).error?.code, "42501");
});

// The table usage_rules through the API: who may write and read rules, and what the database refuses.
import assert from "node:assert/strict";
import { newUser, sql, sum } from "./support/database.ts";
import { anon, service, signedIn } from "./support/stack.ts";
import { consume } from "../../supabase/functions/_shared/limitChecker.ts";
import type { Database } from "../../supabase/functions/_shared/types.ts";

const NOT_ALLOWED = "42501";
const CHECK_VIOLATION = "23514";
const UNIQUE_VIOLATION = "23505";
const INVALID_PARAMETER = "22023";

type Rule = Database["public"]["Tables"]["usage_rules"]["Insert"];

const forUser = (user_id: string): Rule => ({
  applies_to: "user",
  user_id,
  feature_type: "chat",
  effect: "add",
  amount: 2,
});

Deno.test("service_role inserts a rule, which the next call obeys, and ends it", async () => {
  const userId = await newUser();
  const { data, error } = await service().from("usage_rules").insert(forUser(userId)).select().single();
  assert.equal(error, null);
  assert.deepEqual([data!.per, data!.ends_at], ["period", null]);
  for (const remaining of [4, 3, 2, 1, 0]) {
    const answer = await consume(service(), userId, "chat");
    assert.deepEqual([answer.allowed, answer.limit, answer.remaining], [true, 5, remaining]);
  }
  const denied = await consume(service(), userId, "chat");
  assert.deepEqual([denied.allowed, denied.error_code, denied.limit], [false, "LIMIT_EXCEEDED", 5]);

  const ended = await service().from("usage_rules").update({ ends_at: new Date().toISOString() })
    .eq("rule_id", data!.rule_id);
  assert.equal(ended.error, null);
  const afterwards = await consume(service(), userId, "chat");
  assert.deepEqual([afterwards.allowed, afterwards.limit], [false, 3]);
  assert.equal(await sum("chat_messages", userId), 5);
});

const violations: Record<string, Partial<Rule>> = {
  usage_rules_applies_to_is_all_plan_user_pool_or_member: { applies_to: "team", user_id: null },
  usage_rules_plan_id_if_and_only_if_applies_to_plan: { plan_id: "free" },
  usage_rules_user_id_for_user_and_perhaps_for_member_only: { user_id: null },
  usage_rules_pool_id_if_and_only_if_applies_to_pool_or_member: { applies_to: "pool", user_id: null },
  usage_rules_member_has_deny_or_cap: { applies_to: "member", pool_id: crypto.randomUUID() },
  usage_rules_effect_set_add_deny_cap_overage_warn_low_cost_log: { effect: "ban" },
  usage_rules_log_applies_to_all: { effect: "log" },
  usage_rules_per_is_period_rate_or_a_kind_of_period: { effect: "cap", per: "fortnight" },
  usage_rules_per_is_for_cap_only: { per: "hour" },
  usage_rules_every_if_and_only_if_per_rate: { effect: "cap", per: "rate" },
  usage_rules_every_is_1_second_to_31_days_in_whole_seconds: { effect: "cap", per: "rate", every: "1 month" },
  usage_rules_rate_is_at_most_1000_units_per_second: {
    effect: "cap",
    per: "rate",
    every: "1 second",
    amount: 1001,
  },
  usage_rules_amount_is_not_negative: { amount: -1 },
  usage_rules_amount_is_required_for_add_warn_low_and_cost: { amount: null },
  usage_rules_amount_of_cost_and_low_is_at_least_1: { effect: "low", amount: 0 },
  usage_rules_amount_of_warn_is_1_to_1000_percent: { effect: "warn", amount: 1001 },
  usage_rules_paid_in_if_and_only_if_cost: { effect: "cost" },
  usage_rules_paid_in_is_another_feature: { effect: "cost", paid_in: "chat" },
  usage_rules_deny_has_no_amount: { effect: "deny" },
  usage_rules_starts_at_is_not_infinity: { starts_at: "infinity" },
  usage_rules_ends_at_is_not_before_starts_at: { starts_at: "2025-02-10", ends_at: "2025-02-09" },
};

for (const [constraint, mistake] of Object.entries(violations)) {
  Deno.test(`a rule that violates ${constraint} is refused by that name`, async () => {
    const userId = await newUser();
    const { error, status } = await service().from("usage_rules").insert({ ...forUser(userId), ...mistake });
    assert.deepEqual([status, error?.code], [400, CHECK_VIOLATION]);
    assert.match(error!.message, new RegExp(`"${constraint}"`));
  });
}

Deno.test("these are all the constraints that a rule can violate", async () => {
  const constraints = await sql(
    "select conname from pg_constraint where conrelid = 'usage_rules'::regclass and contype = 'c'",
  );
  assert.deepEqual(constraints.sort(), Object.keys(violations).sort());
});

Deno.test("a rule for an unknown feature is refused with the features that there are", async () => {
  const userId = await newUser();
  const { error } = await service().from("usage_rules").insert({ ...forUser(userId), feature_type: "imges" });
  assert.equal(error?.code, INVALID_PARAMETER);
  assert.match([error!.message, error!.details, error!.hint].join(" "), /imges.*image_generation/);
});

Deno.test("an upsert with a source_ref makes an add-on once", async () => {
  const userId = await newUser();
  const addOn = { ...forUser(userId), source_ref: `payment of ${userId}` };
  for (let delivery = 0; delivery < 2; delivery++) {
    const { error } = await service().from("usage_rules").upsert(addOn, {
      onConflict: "source_ref,feature_type,effect",
      ignoreDuplicates: true,
    });
    assert.equal(error, null);
  }
  assert.equal((await service().from("usage_rules").insert(addOn)).error?.code, UNIQUE_VIOLATION);
  assert.equal((await consume(service(), userId, "chat")).limit, 5);
});

Deno.test("usage_rules and usage_counters: a user and anon cannot write, not even for themselves", async () => {
  const userId = await newUser();
  await service().from("usage_rules").insert({ ...forUser(userId), effect: "cap", per: "hour", amount: 1 });
  assert.equal((await consume(service(), userId, "chat")).allowed, true);
  for (const client of [signedIn(userId), anon()]) {
    const attempts = [
      client.from("usage_rules").insert(forUser(userId)),
      client.from("usage_rules").update({ amount: 100 }).eq("user_id", userId),
      client.from("usage_rules").delete().eq("user_id", userId),
      client.from("usage_counters").insert({
        user_id: userId,
        feature_type: "chat",
        period: "2020-01-01T00",
      }),
      client.from("usage_counters").update({ used: 0 }).eq("user_id", userId),
      client.from("usage_counters").delete().eq("user_id", userId),
    ];
    for (const attempt of attempts) assert.equal((await attempt).error?.code, NOT_ALLOWED);
  }
  assert.equal((await consume(service(), userId, "chat")).error_code, "LIMIT_EXCEEDED");
});

Deno.test("a user reads the rules about themselves, without what is for operators; anon reads none", async () => {
  const [userId, other] = [await newUser(), await newUser()];
  for (const one of [userId, other]) {
    await service().from("usage_rules").insert({ ...forUser(one), reason: "goodwill", actor: "olga" });
  }
  const columns = "user_id, feature_type, effect, amount";
  const own = await signedIn(userId).from("usage_rules").select(columns).not("user_id", "is", null);
  assert.deepEqual(own.data, [{ user_id: userId, feature_type: "chat", effect: "add", amount: 2 }]);
  for (const column of ["reason", "actor", "*"]) {
    const { error } = await signedIn(userId).from("usage_rules").select(column);
    assert.equal(error?.code, NOT_ALLOWED);
  }
  assert.equal((await anon().from("usage_rules").select(columns)).error?.code, NOT_ALLOWED);
  const all = await service().from("usage_rules").select("reason, actor").in("user_id", [userId, other]);
  assert.deepEqual(all.data, Array(2).fill({ reason: "goodwill", actor: "olga" }));
});

Deno.test("a user reads what their own caps have counted, and nobody else's", async () => {
  const [userId, other] = [await newUser("growth"), await newUser("growth")];
  for (const one of [userId, other]) {
    await service().from("usage_rules").insert({ ...forUser(one), effect: "cap", per: "hour", amount: 5 });
    await consume(service(), one, "chat", 2);
  }
  const own = await signedIn(userId).from("usage_counters").select("user_id, feature_type, used");
  assert.deepEqual(own.data, [{ user_id: userId, feature_type: "chat", used: 2 }]);
  assert.equal((await anon().from("usage_counters").select("used")).error?.code, NOT_ALLOWED);
});

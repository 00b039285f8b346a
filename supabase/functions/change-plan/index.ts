// POST {user_id, plan_id}: a signed-in user changes their own plan, without paying. This is for a local
// stack, where PLANS_WITHOUT_PAYMENT is true. A real app never sets that: there, the webhook of the
// payment provider calls set_user_plan.
import { z } from "zod";
import { actingFor, authenticate } from "../_shared/caller.ts";
import { HttpError, json, readBody, servePost, uuid, words } from "../_shared/http.ts";
import { setUserPlan } from "../_shared/limitChecker.ts";
import { dataOf, rpcRefusal } from "../_shared/refusal.ts";
import { serviceClient } from "../_shared/serviceClient.ts";

const planRequest = z.object({ user_id: uuid, plan_id: words.max(100) });

const NOT_CHANGED = "Plans can't be changed at the moment.";
const withoutPayment = Deno.env.get("PLANS_WITHOUT_PAYMENT") === "true";
const supabase = serviceClient();

servePost(async (request) => {
  const caller = await authenticate(request);
  const { user_id, plan_id } = await readBody(request, planRequest);
  const userId = actingFor(caller, user_id);
  if (!withoutPayment) {
    throw new HttpError(403, "Your plan changes after a payment.", { error_code: "PAYMENT_REQUIRED" });
  }

  const plan = await activePlan(plan_id);
  if (!plan) throw new HttpError(400, "There is no such plan.", { error_code: "UNKNOWN_PLAN" });
  const stored = await setUserPlan(supabase, userId, plan.plan_id, await trialEnd(userId));
  if (stored.error_code) throw rpcRefusal(stored.rpc_code, NOT_CHANGED);
  return json(200, { plan_id: plan.plan_id, plan_name: plan.plan_name });
});

async function activePlan(planId: string) {
  const answer = await supabase.from("plan_limits").select("plan_id, plan_name")
    .eq("plan_id", planId).eq("is_active", true).maybeSingle();
  return dataOf(answer, NOT_CHANGED);
}

/** The end of the user's trial, which no change of plans forgets. */
async function trialEnd(userId: string) {
  const answer = await supabase.from("user_plans").select("trial_end_date").eq("user_id", userId)
    .maybeSingle();
  return dataOf(answer, NOT_CHANGED)?.trial_end_date ?? undefined;
}

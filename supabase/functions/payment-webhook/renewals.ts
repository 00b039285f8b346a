// A subscription that was renewed and paid: what is left of the period that has ended is carried over, once.
import { z } from "zod";
import { carryOver, periodAt } from "../_shared/grants.ts";
import { HttpError, parsed, uuid } from "../_shared/http.ts";
import { checkLimit, type Client, type FeatureType } from "../_shared/limitChecker.ts";
import { rpcRefusal } from "../_shared/refusal.ts";

/** What is carried over, and how much at most. The periods of a feature must not be longer than those paid. */
const CARRIED: Partial<Record<FeatureType, number>> = { insights: 5 };

const invoice = z.object({
  billing_reason: z.string().nullish(),
  /** In seconds. Of a renewal, this is the beginning of the period that has ended. */
  period_start: z.int(),
  /** The subscription's metadata, where our server has set the user. */
  parent: z.object({
    subscription_details: z.object({ metadata: z.object({ user_id: uuid }) }),
  }),
});

export async function carryRenewal(supabase: Client, paid: unknown) {
  const { billing_reason } = parsed(paid, invoice.pick({ billing_reason: true }), 422);
  if (billing_reason !== "subscription_cycle") return { ignored: "The invoice is not of a renewal." };
  const { period_start, parent } = parsed(paid, invoice, 422);
  const userId = parent.subscription_details.metadata.user_id;
  const carried = [];
  for (const [featureType, most] of Object.entries(CARRIED) as [FeatureType, number][]) {
    carried.push(await carry(supabase, userId, featureType, new Date(period_start * 1000), most));
  }
  return { carried };
}

async function carry(supabase: Client, userId: string, feature_type: FeatureType, began: Date, most: number) {
  const period = await periodAt(supabase, userId, feature_type, began);
  if (await isUnlimited(supabase, userId, feature_type)) {
    return { feature_type, period, carried: 0, replayed: false };
  }
  return { feature_type, period, ...await carryOver(supabase, userId, feature_type, period, most) };
}

/** Of an unlimited feature, nothing is left over. */
async function isUnlimited(supabase: Client, userId: string, featureType: FeatureType): Promise<boolean> {
  const { is_unlimited = false, error_code, rpc_code } = await checkLimit(supabase, userId, featureType, 0);
  if (error_code === "RPC_ERROR") throw rpcRefusal(rpc_code);
  // It is paid, so the event that renews the plan is on its way. Until then, the allowance is 0: Stripe shall
  // send this one again.
  if (["NO_SUBSCRIPTION", "TRIAL_EXPIRED", "UNKNOWN_PLAN"].includes(error_code ?? "")) {
    throw new HttpError(409, "The subscription is not active here yet.", { error_code });
  }
  return is_unlimited;
}

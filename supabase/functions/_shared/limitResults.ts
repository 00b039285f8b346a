// The shapes of the database's answers about limits: schemas that validate them, and their types.
import { z } from "zod";

/** Why a call has no valid answer. */
const failure = {
  reason: z.string().optional(),
  error_code: z.string().optional(),
  /** The SQLSTATE, or PostgREST's code, of an RPC_ERROR. */
  rpc_code: z.string().optional(),
};

/** What one rule caps: units per window of the calendar, or a rate. */
const counted = {
  /** period is the feature's own, rate a bucket that refills evenly; the others are windows, such as hour. */
  per: z.string(),
  /** The seconds in which the bucket of a rate refills. */
  every: z.number().optional(),
  scope: z.string(),
  limit: z.number(),
  used: z.number(),
  /** Null for what never starts again. */
  reset_at: z.string().nullable(),
};

export const cap = z.object({ ...counted, remaining: z.number() });
export type Cap = z.infer<typeof cap>;

/** What had no room: a cap, or the allowance of the plan. */
export const exceeded = z.object({ ...counted, effect: z.string(), feature_type: z.string() });
export type Exceeded = z.infer<typeof exceeded>;

/** What rules and grants add to an answer; without any for the user, these keys are missing. */
const governed = {
  /** Where the admitted amount comes from; the rest is paid in another feature, at a cost per unit. */
  sources: z.object({
    allowance: z.number(),
    grants: z.number(),
    overage: z.number(),
    cost: z.number().optional(),
    paid_in: z.string().optional(),
  }).optional(),
  /** The part of the current usage that grants or a currency covered. */
  drawn: z.number().optional(),
  /** The part of the current usage beyond everything else: billable. */
  overage: z.number().optional(),
  /** The highest percentage of the limit that is reached, of those that rules name. */
  warning: z.object({ threshold: z.number(), per: z.string() }).optional(),
  caps: z.array(cap).optional(),
  exceeded: z.array(exceeded).optional(),
  /** The seconds until a denied call has room; null if waiting does not help. */
  retry_after: z.number().nullable().optional(),
};

export const limitCheckResult = z.object({
  allowed: z.boolean(),
  limit: z.number().nullable().optional(),
  current_usage: z.number().optional(),
  /** The part of the current usage that open reservations hold. */
  reserved: z.number().optional(),
  remaining: z.number().nullable().optional(),
  is_unlimited: z.boolean().optional(),
  feature_type: z.string().optional(),
  period: z.string().optional(),
  /** Null if the feature is counted in total, and so never starts again. */
  reset_at: z.string().nullable().optional(),
  trial_end_date: z.string().optional(),
  ...governed,
  ...failure,
});
export type LimitCheckResult = z.infer<typeof limitCheckResult>;

export const consumeResult = limitCheckResult.extend({
  consumed: z.number().optional(),
  replayed: z.boolean().optional(),
});
export type ConsumeResult = z.infer<typeof consumeResult>;

export const reserveResult = limitCheckResult.extend({
  reservation_id: z.string().optional(),
  expires_at: z.string().optional(),
  replayed: z.boolean().optional(),
});
export type ReserveResult = z.infer<typeof reserveResult>;

export const commitResult = z.object({
  committed: z.boolean(),
  amount: z.number().optional(),
  actual: z.number().nullable().optional(),
  late: z.boolean().optional(),
  ...failure,
});
export type CommitResult = z.infer<typeof commitResult>;

export const releaseResult = z.object({ released: z.boolean(), amount: z.number().optional(), ...failure });
export type ReleaseResult = z.infer<typeof releaseResult>;

/** A stock of units beside the allowance, such as a credit pack. */
export const grant = z.object({
  grant_id: z.string(),
  source_ref: z.string(),
  amount: z.number(),
  used: z.number(),
  remaining: z.number(),
  priority: z.number(),
  effective_at: z.string(),
  /** Null if it never expires. */
  expires_at: z.string().nullable(),
});
export type Grant = z.infer<typeof grant>;

/** One feature in the answer of usage_status. */
export const featureStatus = z.object({
  period: z.string(),
  reset_at: z.string().nullable(),
  /** The limit in force, with what rules set and add; null is unlimited. */
  limit: z.number().nullable(),
  is_unlimited: z.boolean(),
  current_usage: z.number(),
  reserved: z.number(),
  /** In a pool: the user's own part of the current usage. */
  member_usage: z.number().optional(),
  /** The part of the current usage that grants or a currency covered. */
  drawn: z.number(),
  /** The part of the current usage beyond everything else: billable. */
  overage: z.number(),
  /** What was counted although nothing covered it. */
  excess: z.number(),
  /** What would be admitted now without overage: the least that caps, and allowance and grants, leave. */
  remaining: z.number().nullable(),
  caps: z.array(cap),
  /** What a unit costs in another feature; null if nothing. */
  cost: z.object({ amount: z.number(), paid_in: z.string() }).nullable(),
  /** In the order in which they are used. */
  grants: z.array(grant),
  /** Why even an amount of 0 would be denied, for example DENIED. */
  error_code: z.string().optional(),
});
export type FeatureStatus = z.infer<typeof featureStatus>;

export const usageStatus = z.object({
  user_id: z.string(),
  plan_id: z.string().nullable(),
  features: z.record(z.string(), featureStatus),
});
export type UsageStatus = z.infer<typeof usageStatus>;

/** A row of user_plans. */
export const userPlan = z.object({
  plan_id: z.string().optional(),
  is_active: z.boolean().nullable().optional(),
  status: z.string().nullable().optional(),
  trial_end_date: z.string().nullable().optional(),
  ...failure,
});
export type UserPlan = z.infer<typeof userPlan>;

export const userLimits = z.object({
  limits: z.object({
    plan_id: z.string(),
    plan_name: z.string().nullable(),
    voice_seconds: z.number().nullable(),
    image_generation_daily: z.number().nullable(),
    therai_calls: z.number().nullable(),
    insights: z.number().nullable(),
    chat_messages_daily: z.number().nullable(),
    features: z.record(z.string(), z.boolean().nullable()),
  }).nullable(),
  usage: z.object({
    voice_seconds: z.number(),
    insights_count: z.number(),
    images_generated: z.number(),
    chat_messages: z.number(),
    therai_calls: z.number(),
  }),
});
export type UserLimits = z.infer<typeof userLimits>;

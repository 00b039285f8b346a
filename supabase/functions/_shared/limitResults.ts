// The shapes of the database's answers about limits: schemas that validate them, and their types.
import { z } from "zod";

/** Why a call has no valid answer. */
const failure = {
  reason: z.string().optional(),
  error_code: z.string().optional(),
  /** The SQLSTATE, or PostgREST's code, of an RPC_ERROR. */
  rpc_code: z.string().optional(),
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
  reset_at: z.string().optional(),
  trial_end_date: z.string().optional(),
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

// Calls the database's functions for limits and usage. Pass a client with the service key: users
// may only check and ask for their status. If the database does not answer, the result is a denial.
import type { SupabaseClient } from "@supabase/supabase-js";
import { z } from "zod";
import {
  type Cap,
  type CommitResult,
  commitResult,
  type ConsumeResult,
  consumeResult,
  type Exceeded,
  type FeatureStatus,
  type LimitCheckResult,
  limitCheckResult,
  type ReleaseResult,
  releaseResult,
  type ReserveResult,
  reserveResult,
  type UsageStatus,
  usageStatus,
  type UserLimits,
  userLimits,
  type UserPlan,
  userPlan,
} from "./limitResults.ts";
import type { Database } from "./types.ts";

export type {
  Cap,
  CommitResult,
  ConsumeResult,
  Exceeded,
  FeatureStatus,
  LimitCheckResult,
  ReleaseResult,
  ReserveResult,
  UsageStatus,
  UserLimits,
  UserPlan,
};

export type Client = SupabaseClient<Database>;

export type FeatureType = "voice_seconds" | "image_generation" | "therai_calls" | "insights" | "chat";

/** Checks whether the user may use an amount of the feature now. Counts nothing. */
export function checkLimit(
  supabase: Client,
  userId: string,
  featureType: FeatureType,
  requestedAmount = 1,
): Promise<LimitCheckResult> {
  const rpc = supabase.rpc("check_feature_limit", {
    p_user_id: userId,
    p_feature_type: featureType,
    p_requested_amount: requestedAmount,
  });
  return ask(rpc, limitCheckResult, denied);
}

/** Counts usage that has happened, in the current period, without checking the limit. */
export function incrementUsage(
  supabase: Client,
  userId: string,
  featureType: FeatureType,
  amount: number,
): Promise<{ success: boolean; reason?: string }> {
  const counted = z.unknown().transform(() => ({ success: true }));
  const rpc = supabase.rpc("increment_feature_usage", {
    p_user_id: userId,
    p_feature_type: featureType,
    p_amount: amount,
    p_period: "current",
  });
  return ask(rpc, counted, ({ reason }) => ({ success: false, reason }));
}

/** Returns the limits of the user's plan and the usage; null if the database does not answer. */
export function getUserLimits(supabase: Client, userId: string): Promise<UserLimits | null> {
  return ask(supabase.rpc("get_user_limits", { p_user_id: userId }), userLimits, () => null);
}

/**
 * Returns the limits in force, the usage and the caps of one feature, or of all; null if the database does
 * not answer. Reads only. With a pool, it is about what the user may use there.
 */
export function status(
  supabase: Client,
  userId: string,
  featureType?: FeatureType,
  poolId?: string,
): Promise<UsageStatus | null> {
  const rpc = supabase.rpc("usage_status", {
    p_user_id: userId,
    p_feature_type: featureType,
    p_pool_id: poolId,
  });
  return ask(rpc, usageStatus, () => null);
}

/** Checks and counts in one step, for quick work, in a pool if one is named. Counts once per idempotency key. */
export function consume(
  supabase: Client,
  userId: string,
  featureType: FeatureType,
  amount = 1,
  idempotencyKey?: string,
  poolId?: string,
): Promise<ConsumeResult> {
  const rpc = supabase.rpc("consume_feature", {
    p_user_id: userId,
    p_feature_type: featureType,
    p_amount: amount,
    p_idempotency_key: idempotencyKey,
    p_pool_id: poolId,
  });
  return ask(rpc, consumeResult, denied);
}

/** Reserves an amount for slow work, until commit or release; after the ttl it expires. In a pool if one is named. */
export function reserve(
  supabase: Client,
  userId: string,
  featureType: FeatureType,
  amount = 1,
  options: { ttl?: string; idempotencyKey?: string; poolId?: string } = {},
): Promise<ReserveResult> {
  const rpc = supabase.rpc("reserve_feature", {
    p_user_id: userId,
    p_feature_type: featureType,
    p_amount: amount,
    p_ttl: options.ttl,
    p_idempotency_key: options.idempotencyKey,
    p_pool_id: options.poolId,
  });
  return ask(rpc, reserveResult, denied);
}

/** Settles after success: the reserved amount, or the amount really used, stays counted. */
export function commit(supabase: Client, reservationId: string, actual?: number): Promise<CommitResult> {
  const rpc = supabase.rpc("commit_reservation", { p_reservation_id: reservationId, p_actual: actual });
  return ask(rpc, commitResult, (failure) => ({ committed: false, ...failure }));
}

/** Settles after failure: the reserved amount is subtracted. */
export function release(supabase: Client, reservationId: string): Promise<ReleaseResult> {
  const rpc = supabase.rpc("release_reservation", { p_reservation_id: reservationId });
  return ask(rpc, releaseResult, (failure) => ({ released: false, ...failure }));
}

/** Sets the user's plan, as an active subscription. */
export function setUserPlan(
  supabase: Client,
  userId: string,
  planId: string,
  trialEndDate?: string,
): Promise<UserPlan> {
  const rpc = supabase.rpc("set_user_plan", {
    p_user_id: userId,
    p_plan_id: planId,
    p_trial_end_date: trialEndDate,
  });
  return ask(rpc, userPlan, (failure) => failure);
}

interface RpcResponse {
  data: unknown;
  error: { code: string; message: string } | null;
}

interface Failure {
  reason: string;
  error_code: "RPC_ERROR";
  rpc_code?: string;
}

const denied = (failure: Failure) => ({ allowed: false, ...failure });

/** Returns the answer of an RPC if it matches the schema; otherwise the result of `failed`. */
async function ask<T, F>(
  rpc: PromiseLike<RpcResponse>,
  shape: z.ZodType<T>,
  failed: (failure: Failure) => F,
): Promise<T | F> {
  const { data, error } = await rpc;
  const answer = shape.safeParse(data);
  if (!error && answer.success) return answer.data;
  const { message: reason, code } = error ??
    { message: "The database returned no valid answer.", code: undefined };
  console.error(JSON.stringify({ event: "rpc_error", code, reason }));
  return failed({ reason, error_code: "RPC_ERROR", rpc_code: code });
}

// What the edge functions ask the database about limits, and what they tell it about usage. Pass a
// client with the service key: users may only ask. Where the database doesn't answer, the answer is no.
import type { SupabaseClient } from "@supabase/supabase-js";
import { z } from "zod";
import type { Database } from "./types.ts";

export type Client = SupabaseClient<Database>;

export type FeatureType = "voice_seconds" | "image_generation" | "therai_calls" | "insights" | "chat";

const limitCheckResult = z.object({
  allowed: z.boolean(),
  limit: z.number().nullable().optional(),
  current_usage: z.number().optional(),
  remaining: z.number().nullable().optional(),
  is_unlimited: z.boolean().optional(),
  reason: z.string().optional(),
  error_code: z.string().optional(),
  feature_type: z.string().optional(),
  period: z.string().optional(),
  reset_at: z.string().optional(),
  /** The SQLSTATE or HTTP code behind an RPC_ERROR. */
  rpc_code: z.string().optional(),
});
export type LimitCheckResult = z.infer<typeof limitCheckResult>;

const consumeResult = limitCheckResult.extend({
  consumed: z.number().optional(),
  replayed: z.boolean().optional(),
});
export type ConsumeResult = z.infer<typeof consumeResult>;

const reserveResult = limitCheckResult.extend({
  reservation_id: z.string().optional(),
  expires_at: z.string().optional(),
  replayed: z.boolean().optional(),
});
export type ReserveResult = z.infer<typeof reserveResult>;

const settled = {
  amount: z.number().optional(),
  reason: z.string().optional(),
  error_code: z.string().optional(),
  rpc_code: z.string().optional(),
};
const commitResult = z.object({
  committed: z.boolean(),
  actual: z.number().optional(),
  late: z.boolean().optional(),
  ...settled,
});
export type CommitResult = z.infer<typeof commitResult>;

const releaseResult = z.object({ released: z.boolean(), ...settled });
export type ReleaseResult = z.infer<typeof releaseResult>;

const userLimits = z.object({
  limits: z.object({
    plan_id: z.string(),
    plan_name: z.string().nullable(),
    voice_seconds: z.number().nullable(),
    image_generation_daily: z.number().nullable(),
    therai_calls: z.number().nullable(),
    insights: z.number().nullable(),
    chat_messages_daily: z.number().nullable(),
    features: z.record(z.string(), z.boolean()),
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

/** May the user use so much more of the feature now? Counts nothing. */
export async function checkLimit(
  supabase: Client,
  userId: string,
  featureType: FeatureType,
  requestedAmount = 1,
): Promise<LimitCheckResult> {
  const answer = await ask(
    limitCheckResult,
    supabase.rpc("check_feature_limit", {
      p_user_id: userId,
      p_feature_type: featureType,
      p_requested_amount: requestedAmount,
    }),
  );
  return "failure" in answer ? { allowed: false, ...answer.failure } : answer.result;
}

/** Counts what was used already, whatever the limit. */
export async function incrementUsage(
  supabase: Client,
  userId: string,
  featureType: FeatureType,
  amount: number,
): Promise<{ success: boolean; reason?: string }> {
  const answer = await ask(z.unknown(), increments[featureType](supabase, userId, amount));
  return "failure" in answer ? { success: false, reason: answer.failure.reason } : { success: true };
}

/** The limits of the user's plan and what is used of them; null if the database doesn't answer. */
export async function getUserLimits(supabase: Client, userId: string): Promise<UserLimits | null> {
  const answer = await ask(userLimits, supabase.rpc("get_user_limits", { p_user_id: userId }));
  return "failure" in answer ? null : answer.result;
}

/** Checks and counts in one step, for work that is quick. A repeated key is counted once. */
export async function consume(
  supabase: Client,
  userId: string,
  featureType: FeatureType,
  amount = 1,
  idempotencyKey?: string,
): Promise<ConsumeResult> {
  const answer = await ask(
    consumeResult,
    supabase.rpc("consume_feature", {
      p_user_id: userId,
      p_feature_type: featureType,
      p_amount: amount,
      p_idempotency_key: idempotencyKey,
    }),
  );
  return "failure" in answer ? { allowed: false, ...answer.failure } : answer.result;
}

/** Sets an amount aside for work that takes a while, until commit or release, or for the ttl. */
export async function reserve(
  supabase: Client,
  userId: string,
  featureType: FeatureType,
  amount = 1,
  options: { ttl?: string; idempotencyKey?: string } = {},
): Promise<ReserveResult> {
  const answer = await ask(
    reserveResult,
    supabase.rpc("reserve_feature", {
      p_user_id: userId,
      p_feature_type: featureType,
      p_amount: amount,
      p_ttl: options.ttl,
      p_idempotency_key: options.idempotencyKey,
    }),
  );
  return "failure" in answer ? { allowed: false, ...answer.failure } : answer.result;
}

/** The work is done: what was reserved, or what was really used, stays counted. */
export async function commit(
  supabase: Client,
  reservationId: string,
  actual?: number,
): Promise<CommitResult> {
  const answer = await ask(
    commitResult,
    supabase.rpc("commit_reservation", { p_reservation_id: reservationId, p_actual: actual }),
  );
  return "failure" in answer ? { committed: false, ...answer.failure } : answer.result;
}

/** The work has failed: what was reserved is given back. */
export async function release(supabase: Client, reservationId: string): Promise<ReleaseResult> {
  const answer = await ask(
    releaseResult,
    supabase.rpc("release_reservation", { p_reservation_id: reservationId }),
  );
  return "failure" in answer ? { released: false, ...answer.failure } : answer.result;
}

const day = () => new Date().toISOString().slice(0, 10);
const month = () => new Date().toISOString().slice(0, 7);

type Increment = (supabase: Client, p_user_id: string, amount: number) => PromiseLike<RpcResponse>;

const increments: Record<FeatureType, Increment> = {
  voice_seconds: (supabase, p_user_id, p_seconds) =>
    supabase.rpc("increment_voice_seconds", { p_user_id, p_seconds, p_period: month() }),
  insights: (supabase, p_user_id, p_count) =>
    supabase.rpc("increment_insights_count", { p_user_id, p_count, p_period: month() }),
  therai_calls: (supabase, p_user_id, p_calls) =>
    supabase.rpc("increment_therai_calls", { p_user_id, p_calls, p_period: day() }),
  chat: (supabase, p_user_id, p_count) =>
    supabase.rpc("increment_chat_messages", { p_user_id, p_count, p_period: day() }),
  image_generation: (supabase, p_user_id, p_count) =>
    supabase.rpc("increment_images_generated", { p_user_id, p_count, p_period: day() }),
};

interface RpcResponse {
  data: unknown;
  error: { code: string; message: string } | null;
}

interface Failure {
  reason: string;
  error_code: "RPC_ERROR";
  rpc_code?: string;
}

/** An RPC's answer if it has the shape that it should have; anything else is a failure. */
async function ask<T>(
  shape: z.ZodType<T>,
  rpc: PromiseLike<RpcResponse>,
): Promise<{ result: T } | { failure: Failure }> {
  try {
    const { data, error } = await rpc;
    if (error) {
      console.error(JSON.stringify({ event: "rpc_error", code: error.code, message: error.message }));
      return { failure: { reason: error.message, error_code: "RPC_ERROR", rpc_code: error.code } };
    }
    return { result: shape.parse(data) };
  } catch (error) {
    console.error(JSON.stringify({ event: "rpc_error", message: String(error) }));
    return { failure: { reason: "The database gave no usable answer.", error_code: "RPC_ERROR" } };
  }
}

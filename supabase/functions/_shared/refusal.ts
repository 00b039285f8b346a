// The responses to a caller whose request the database denies.
import type { PostgrestSingleResponse } from "@supabase/supabase-js";
import { HttpError } from "./http.ts";
import type { LimitCheckResult } from "./limitChecker.ts";

const FOREIGN_KEY_VIOLATION = "23503";

const statuses: Record<string, number> = {
  LIMIT_EXCEEDED: 429,
  RATE_LIMITED: 429,
  DENIED: 403,
  TRIAL_EXPIRED: 403,
  NO_SUBSCRIPTION: 403,
  UNKNOWN_PLAN: 403,
  NOT_A_MEMBER: 403,
  UNKNOWN_POOL: 403,
  IDEMPOTENCY_MISMATCH: 409,
  // Mistakes of the function that asked, not of its caller.
  INVALID_FEATURE: 500,
  INVALID_AMOUNT: 500,
  INVALID_PERIOD: 500,
};

/** What the database says of a pool, in a sentence for the caller. */
const sentences: Record<string, string> = {
  NOT_A_MEMBER: "You are not a member of this team.",
  UNKNOWN_POOL: "There is no such team.",
};

export function refusal(answer: LimitCheckResult): HttpError {
  if (answer.error_code === "RPC_ERROR") return rpcRefusal(answer.rpc_code);
  const details = {
    error_code: answer.error_code,
    feature_type: answer.feature_type,
    period: answer.period,
    limit: answer.limit,
    used: answer.current_usage,
    remaining: answer.remaining,
    reset_at: answer.reset_at,
    retry_after: answer.retry_after,
    exceeded: answer.exceeded,
    trial_end_date: answer.trial_end_date,
  };
  // Null if waiting does not help, and missing if no rule applies.
  const headers = answer.retry_after ? { "Retry-After": String(answer.retry_after) } : undefined;
  const code = answer.error_code ?? "";
  const message = sentences[code] ?? answer.reason ?? "Not allowed.";
  return new HttpError(statuses[code] ?? 403, message, details, headers);
}

/** Returns the data of a REST answer. On an error, logs it and refuses with a sentence that begins with `what`. */
export function dataOf<T>(answer: PostgrestSingleResponse<T>, what?: string): T {
  if (!answer.error) return answer.data;
  const { code, message } = answer.error;
  console.error(JSON.stringify({ event: "rest_error", code, message }));
  throw rpcRefusal(code, what);
}

/** Hides an RPC's error message, which is only logged: it could reveal details of the database. */
export function rpcRefusal(code?: string, what = "Usage can't be counted at the moment."): HttpError {
  const details = { error_code: "RPC_ERROR" };
  if (code === FOREIGN_KEY_VIOLATION) return new HttpError(404, "There is no such user.", details);
  return new HttpError(503, `${what} Try again later.`, details);
}

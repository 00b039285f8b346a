// What can go wrong between the page and the server, as one kind of error.
import { z } from "zod";

/** What an edge function says about a request that it refuses; see `refusal` of the edge functions. */
export const refusalDetails = z.object({
  error: z.string().optional(),
  error_code: z.string().optional(),
  feature_type: z.string().optional(),
  period: z.string().optional(),
  limit: z.number().nullish(),
  used: z.number().optional(),
  remaining: z.number().nullish(),
  reset_at: z.string().optional(),
  trial_end_date: z.string().optional(),
});
export type RefusalDetails = z.infer<typeof refusalDetails>;

const REFUSALS = ["LIMIT_EXCEEDED", "TRIAL_EXPIRED", "NO_SUBSCRIPTION", "UNKNOWN_PLAN"];

export class Failure extends Error {
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number;
  readonly details: RefusalDetails;

  constructor(status: number, message: string, details: RefusalDetails = {}) {
    super(message);
    this.status = status;
    this.details = details;
  }

  /** Whether the server did not do what was asked for reasons of its own: the same request may work later. */
  get isOutage(): boolean {
    return this.status === 0 || this.status >= 500;
  }

  get isSignedOut(): boolean {
    return this.status === 401;
  }

  /** Whether the database has denied it: a limit is reached, or the plan does not allow it. */
  get isRefusal(): boolean {
    return [403, 429].includes(this.status) && REFUSALS.includes(this.details.error_code ?? "");
  }
}

/** A sentence for a person. What the server says is shown only if it is about the request. */
export function sentenceFor(failure: unknown): string {
  if (!(failure instanceof Failure)) return "Something went wrong on this page. Please reload it.";
  if (failure.isSignedOut) return "Your session has ended. Sign in again.";
  if (!failure.isOutage) return failure.message;
  if (!navigator.onLine) return "You are offline. Try again when you are connected.";
  // A 502 says what became of the work, for example that it was not counted.
  return failure.details.error ?? "The server does not answer. Try again in a moment.";
}

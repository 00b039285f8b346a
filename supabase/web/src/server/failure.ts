// What can go wrong between the page and the server, as one kind of error.
import { z } from "zod";
import { exceeded } from "../../../functions/_shared/limitResults.ts";

/** What an edge function says about a request that it refuses; see `refusal` of the edge functions. */
export const refusalDetails = z.object({
  error: z.string().optional(),
  error_code: z.string().optional(),
  feature_type: z.string().optional(),
  period: z.string().optional(),
  limit: z.number().nullish(),
  used: z.number().optional(),
  remaining: z.number().nullish(),
  reset_at: z.string().nullish(),
  /** The seconds until the same request may work; null if waiting does not help. */
  retry_after: z.number().nullish(),
  exceeded: z.array(exceeded).optional(),
  trial_end_date: z.string().optional(),
  /** How to mend the request. */
  hint: z.string().optional(),
});
export type RefusalDetails = z.infer<typeof refusalDetails>;

const REFUSALS = [
  "LIMIT_EXCEEDED",
  "RATE_LIMITED",
  "DENIED",
  "TRIAL_EXPIRED",
  "NO_SUBSCRIPTION",
  "UNKNOWN_PLAN",
  "NOT_A_MEMBER",
  "UNKNOWN_POOL",
];

export class Failure extends Error {
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number;
  readonly details: RefusalDetails;
  /** When it arrived: the details say how long to wait from then. */
  private readonly at = Date.now();

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

  /** When the same request may work; null if waiting does not help, undefined if that is not known. */
  get worksAgainAt(): number | null | undefined {
    const { retry_after, reset_at } = this.details;
    if (typeof retry_after === "number") return this.at + retry_after * 1000;
    if (retry_after === null) return null;
    return reset_at ? Date.parse(reset_at) : undefined;
  }

  /** Whether the database has denied it: a limit is reached, or the plan or a rule does not allow it. */
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

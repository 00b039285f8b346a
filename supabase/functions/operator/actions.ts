// The actions: what each needs. Each is for one user or one pool, has a reason, and does its work once, however often
// it is repeated: of an action that adds something, request_id says which it is.
import { z } from "zod";
import { uuid, words } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";
import { correct } from "./corrections.ts";
import { grantUnits, voidGrant } from "./grants.ts";
import { endRule, override } from "./overrides.ts";
import { isOne, NOT_ONE, owner } from "./owner.ts";

const common = { reason: words.max(500) };
const ofFeature = { ...common, feature_type: words.max(50) };
const once = { request_id: uuid };
const instant = z.iso.datetime({ offset: true }).nullable().default(null);

export const PERIODS = [
  "period",
  "hour",
  "day",
  "week",
  "month",
  "year",
  "total",
  "billing_week",
  "billing_month",
  "billing_year",
  "rate",
] as const;

const grantRequest = z.object({
  action: z.literal("grant"),
  ...ofFeature,
  ...owner,
  ...once,
  amount: z.int().min(1),
  /** Null if it never expires. */
  expires_at: instant,
}).refine(isOne, NOT_ONE);
export type GrantRequest = z.infer<typeof grantRequest>;

const voidRequest = z.object({
  action: z.literal("void"),
  ...ofFeature,
  ...owner,
  source_ref: words.max(500),
}).refine(isOne, NOT_ONE);
export type VoidRequest = z.infer<typeof voidRequest>;

const overrideRequest = z.object({
  action: z.literal("override"),
  ...ofFeature,
  ...owner,
  ...once,
  /** With member, the user_id is the member's; without it, the rule is for each. The database refuses other ids. */
  applies_to: z.enum(["user", "pool", "member"]).default("user"),
  effect: z.enum(["set", "add", "deny", "cap"]),
  /** Null is unlimited; of deny, it must be. */
  amount: z.int().min(0).nullable(),
  per: z.enum(PERIODS).default("period"),
  /** The seconds in which the bucket of a rate refills. */
  every: z.int().min(1).nullable().default(null),
  /** Null is now. */
  starts_at: instant,
  /** Null if it never ends. */
  ends_at: instant,
});
export type OverrideRequest = z.infer<typeof overrideRequest>;

const endRequest = z.object({ action: z.literal("end"), ...common, ...owner, rule_id: uuid })
  .refine(isOne, NOT_ONE);
export type EndRequest = z.infer<typeof endRequest>;

const correctRequest = z.object({
  action: z.literal("correct"),
  ...ofFeature,
  ...once,
  /** In a pool, the member's: the key that has it done once belongs to a user. */
  user_id: uuid,
  pool_id: uuid.optional(),
  /** What to add to the count of the current period; negative to take from it. */
  amount: z.int().refine((amount) => amount !== 0, "Invalid input: 0 corrects nothing"),
});
export type CorrectRequest = z.infer<typeof correctRequest>;

export const actionRequest = z.discriminatedUnion("action", [
  grantRequest,
  voidRequest,
  overrideRequest,
  endRequest,
  correctRequest,
], {
  error: (issue) =>
    issue.code === "invalid_union" ? "The actions are grant, void, override, end and correct" : undefined,
});
type ActionRequest = z.infer<typeof actionRequest>;

/** `actor` is the operator's id. */
export function act(supabase: Client, actor: string, wanted: ActionRequest) {
  switch (wanted.action) {
    case "grant":
      return grantUnits(supabase, actor, wanted);
    case "void":
      return voidGrant(supabase, actor, wanted);
    case "override":
      return override(supabase, actor, wanted);
    case "end":
      return endRule(supabase, actor, wanted);
    case "correct":
      return correct(supabase, actor, wanted);
  }
}

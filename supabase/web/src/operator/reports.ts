// The reports of the edge function operator, which answers operators only.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { z } from "zod";
import { featureStatus } from "../../../functions/_shared/limitResults.ts";
import { invoke } from "../server/requests.ts";
import { featureLimit } from "../usage/limits.ts";
import type { Owner } from "./owner.ts";

const nearLimit = z.object({
  rows: z.array(z.object({
    user_id: z.string(),
    email: z.string().nullable(),
    plan_id: z.string(),
    feature_type: z.string(),
    period: z.string(),
    used: z.number(),
    limit: z.number(),
  })),
  more: z.boolean(),
});

const topUsers = z.object({
  feature_type: z.string(),
  period: z.string(),
  rows: z.array(z.object({
    user_id: z.string(),
    email: z.string().nullable(),
    plan_id: z.string(),
    used: z.number(),
  })),
  more: z.boolean(),
});

const periods = z.array(z.object({ period: z.string(), usage: z.record(z.string(), z.number()) }));
const useByDay = z.object({ daily: periods, monthly: periods });

const oneUser = z.object({
  user: z.object({ id: z.string(), email: z.string().nullable() }),
  plan: z.object({ plan_id: z.string().nullable(), status: z.string().nullable() }).nullable(),
  features: z.array(featureLimit),
  rows: z.array(z.looseObject({ period: z.string() })),
  more: z.boolean(),
});

const history = z.object({
  rules: z.array(z.object({
    rule_id: z.string(),
    applies_to: z.string(),
    /** Of a team, whom the rule is for, if it is for one member. */
    member: z.string().nullable(),
    feature_type: z.string(),
    effect: z.string(),
    amount: z.number().nullable(),
    per: z.string(),
    /** In seconds, of a rate. */
    every: z.number().nullable(),
    /** Null if it has always been so. */
    starts_at: z.string().nullable(),
    ends_at: z.string().nullable(),
    reason: z.string().nullable(),
    actor: z.string().nullable(),
    can_be_ended: z.boolean(),
  })),
  grants: z.array(z.object({
    grant_id: z.string(),
    feature_type: z.string(),
    amount: z.number(),
    used: z.number(),
    source_ref: z.string(),
    expires_at: z.string().nullable(),
    voided_at: z.string().nullable(),
    reason: z.string().nullable(),
    actor: z.string().nullable(),
    can_be_voided: z.boolean(),
  })),
  entries: z.array(z.object({
    entry_id: z.number(),
    at: z.string(),
    /** Of a team, whose part of the count it is. */
    member: z.string().nullable(),
    feature_type: z.string(),
    kind: z.string(),
    amount: z.number(),
    reason: z.string().nullable(),
  })),
});
export type HistoryReport = z.infer<typeof history>;

const teams = z.object({
  teams: z.array(z.object({
    pool_id: z.string(),
    plan_id: z.string().nullable(),
    seats: z.number().nullable(),
    status: z.string().nullable(),
    features: z.record(z.string(), featureStatus),
    members: z.array(z.object({
      user_id: z.string(),
      email: z.string().nullable(),
      /** Whether they are one now: what they used stays. */
      is_member: z.boolean(),
      used: z.record(z.string(), z.number()),
    })),
  })),
});
export type TeamReport = z.infer<typeof teams>["teams"][number];
export type Member = TeamReport["members"][number];

/** Asks for a report. The current rows stay until the next ones are there. */
function useReport<T>(shape: z.ZodType<T>, report: string, options: Record<string, unknown>) {
  return useQuery({
    queryKey: ["operator", report, options],
    queryFn: () => invoke(shape, "operator", { report, ...options }),
    placeholderData: keepPreviousData,
  });
}

export const useNearLimit = (page: number) => useReport(nearLimit, "near_limit", { page });
export const useTopUsers = (featureType: string, page: number) =>
  useReport(topUsers, "top_users", { feature_type: featureType, page });
export const useUsageByPeriod = () => useReport(useByDay, "use_by_day", {});
export const useOneUser = (search: string, page: number) => useReport(oneUser, "user", { search, page });
export const useHistoryOf = (owner: Owner) => useReport(history, "history", owner);
export const useTeamsOf = (search: string) => useReport(teams, "teams", { search });

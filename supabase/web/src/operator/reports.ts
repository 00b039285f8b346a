// The reports of the edge function operator, which answers operators only.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { z } from "zod";
import { invoke } from "../server/requests.ts";
import { featureLimit } from "../usage/limits.ts";

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

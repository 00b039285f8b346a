// The daily usage of the signed-in user in the last 30 days.
import { useQuery } from "@tanstack/react-query";
import { z } from "zod";
import { read } from "../server/requests.ts";
import { supabase } from "../server/supabase.ts";
import type { Feature } from "../usage/useFeatures.ts";

const DAYS = 30;
const DAY_MS = 86_400_000;

const usageRow = z.looseObject({ period: z.string() });

/** One day: its key, and the amount of each feature. */
type Day = { period: string } & Record<string, number | string>;

export function useHistory(userId: string, features: Feature[] | undefined) {
  return useQuery({
    queryKey: ["history", userId],
    enabled: features !== undefined,
    refetchInterval: 15_000,
    queryFn: async (): Promise<Day[]> => {
      const days = lastDays(new Date());
      const rows = await read(
        z.array(usageRow),
        () => supabase.from("feature_usage").select("*").eq("user_id", userId).in("period", days),
      );
      const rowOf = new Map(rows.map((row) => [row.period, row]));
      return days.map((period) => ({ period, ...amounts(rowOf.get(period), features ?? []) }));
    },
  });
}

/** The keys of the last days, oldest first. The database's days are those of UTC. */
function lastDays(today: Date): string[] {
  const time = (daysAgo: number) => new Date(today.getTime() - daysAgo * DAY_MS);
  return Array.from({ length: DAYS }, (_, place) => time(DAYS - 1 - place).toISOString().slice(0, 10));
}

function amounts(row: Record<string, unknown> | undefined, features: Feature[]): Record<string, number> {
  return Object.fromEntries(
    features.map(({ feature_type, usage_column }) => [feature_type, Number(row?.[usage_column] ?? 0)]),
  );
}

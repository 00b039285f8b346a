// The registry of features: which column counts each, which column limits it, and per which period.
import { useQuery } from "@tanstack/react-query";
import { z } from "zod";
import { read } from "../server/requests.ts";
import { supabase } from "../server/supabase.ts";

const feature = z.object({
  feature_type: z.string(),
  usage_column: z.string(),
  limit_column: z.string(),
  /** The kind of its period, such as day or billing_month. */
  period: z.string(),
});
export type Feature = z.infer<typeof feature>;

export function useFeatures() {
  return useQuery({
    queryKey: ["features"],
    queryFn: () =>
      read(z.array(feature), () => supabase.from("usage_features").select("*").order("feature_type")),
    staleTime: Infinity,
  });
}

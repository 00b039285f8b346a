// What a unit of a feature costs in a currency, on each plan: the rules "cost" for a plan, or for all.
import { useQuery } from "@tanstack/react-query";
import { z } from "zod";
import { read } from "../server/requests.ts";
import { supabase } from "../server/supabase.ts";

const price = z.object({
  plan_id: z.string().nullable(),
  feature_type: z.string(),
  amount: z.number(),
  paid_in: z.string(),
});
export type Price = z.infer<typeof price>;

export function usePrices() {
  return useQuery({
    queryKey: ["prices"],
    queryFn: () => {
      const now = new Date().toISOString();
      return read(
        z.array(price),
        () =>
          supabase.from("usage_rules").select("plan_id, feature_type, amount, paid_in")
            .eq("effect", "cost").in("applies_to", ["plan", "all"])
            .lte("starts_at", now).or(`ends_at.is.null,ends_at.gt.${now}`)
            // Of several, the newest holds.
            .order("starts_at", { ascending: false }).order("created_at", { ascending: false }),
      );
    },
  });
}

/** A rule for the plan comes before one for all. */
export function priceOf(prices: Price[], planId: string, featureType: string): Price | undefined {
  const ofFeature = prices.filter((price) => price.feature_type === featureType);
  return ofFeature.find(({ plan_id }) => plan_id === planId) ??
    ofFeature.find(({ plan_id }) => plan_id === null);
}

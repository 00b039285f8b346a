// The plans that are for sale, and changing to one of them.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { z } from "zod";
import { invoke, read } from "../server/requests.ts";
import { supabase } from "../server/supabase.ts";

const plan = z.looseObject({ plan_id: z.string(), plan_name: z.string().nullable() });
export type Plan = z.infer<typeof plan>;

export function usePlans() {
  return useQuery({
    queryKey: ["plans"],
    queryFn: () =>
      read(
        z.array(plan),
        () => supabase.from("plan_limits").select("*").eq("is_active", true).order("display_order"),
      ),
  });
}

export function useChangePlan(userId: string) {
  const queries = useQueryClient();
  const changed = z.object({ plan_id: z.string(), plan_name: z.string().nullable() });
  return useMutation({
    mutationFn: (planId: string) => invoke(changed, "change-plan", { user_id: userId, plan_id: planId }),
    onSettled: () => queries.invalidateQueries({ queryKey: ["limits", userId] }),
  });
}

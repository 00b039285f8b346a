// The limits and the usage of the signed-in user, always those of now.
import { useQuery } from "@tanstack/react-query";
import { read } from "../server/requests.ts";
import { supabase } from "../server/supabase.ts";
import { myLimits } from "./limits.ts";
import { useChanges } from "./useChanges.ts";

const POLL_MS = 1500;
// With Realtime, only for what no change announces: a limit that resets, a trial that ends.
const SLOW_POLL_MS = 30_000;

export function useLimits(userId: string) {
  const isLive = useChanges(userId);
  return useQuery({
    queryKey: ["limits", userId],
    queryFn: () => read(myLimits, () => supabase.rpc("my_limits")),
    refetchInterval: isLive ? SLOW_POLL_MS : POLL_MS,
  });
}

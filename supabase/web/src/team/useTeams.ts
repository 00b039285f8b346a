// The teams of the signed-in user: the plan of each, what all members have used, and the user's own part.
import { useQuery } from "@tanstack/react-query";
import { z } from "zod";
import { featureStatus } from "../../../functions/_shared/limitResults.ts";
import { read } from "../server/requests.ts";
import { supabase } from "../server/supabase.ts";

const team = z.object({
  pool_id: z.string(),
  plan_id: z.string().nullable(),
  plan_name: z.string().nullable(),
  seats: z.number().nullable(),
  status: z.record(z.string(), featureStatus),
});
export type Team = z.infer<typeof team>;

// Realtime announces a user's own rows, not what other members use.
const POLL_MS = 1500;
const WITHOUT_A_TEAM_MS = 30_000;

export function useTeams(userId: string) {
  return useQuery({
    // Below the limits, so that whoever reads those again reads these as well.
    queryKey: ["limits", userId, "teams"],
    queryFn: () => read(z.array(team), () => supabase.rpc("my_teams")),
    refetchInterval: ({ state }) => state.data?.length ? POLL_MS : WITHOUT_A_TEAM_MS,
  });
}

/** What a team is called: by its number, if the user is in several. */
export const nameOf = (place: number, teams: Team[]): string =>
  teams.length === 1 ? "Your team" : `Your team ${place + 1}`;

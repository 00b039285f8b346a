// Listens to Supabase Realtime, where the server has it, for changes to a user's usage and plan.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { supabase } from "../server/supabase.ts";

const TABLES = ["feature_usage", "feature_reservations", "user_plans", "usage_grants", "usage_rules"];

/** Reads the user's limits again after each change. Returns whether the server announces changes now. */
export function useChanges(userId: string): boolean {
  const [isLive, setIsLive] = useState(false);
  const queries = useQueryClient();
  useEffect(() => {
    // A channel that is still leaving, for example of the page before, would be returned for the same name.
    const channel = supabase.channel(`usage of ${userId} ${crypto.randomUUID()}`);
    let wasLive = false;
    const readAgain = () => void queries.invalidateQueries({ queryKey: ["limits", userId] });
    for (const table of TABLES) {
      const changes = { event: "*", schema: "public", table, filter: `user_id=eq.${userId}` } as const;
      channel.on("postgres_changes", changes, readAgain);
    }
    // Says whether the tables are published; a joined channel alone does not.
    channel.on("system", {}, ({ extension, status }) => {
      if (extension !== "postgres_changes") return;
      wasLive ||= status === "ok";
      setIsLive(status === "ok");
      // What has changed before was not announced.
      if (status === "ok") readAgain();
    });
    channel.subscribe((status) => {
      if (status === "SUBSCRIBED") return;
      setIsLive(false);
      // Without Realtime, do not try again and again. Supabase's client reconnects what was connected.
      if (!wasLive && status !== "CLOSED") supabase.removeChannel(channel);
    });
    return () => void supabase.removeChannel(channel);
  }, [userId, queries]);
  return isLive;
}

// The limits as they were last read, without reading them.
import { useQuery } from "@tanstack/react-query";
import { useUser } from "../session/useSession.tsx";
import { type MyLimits } from "./limits.ts";

export const useKnownLimits = () =>
  useQuery<MyLimits>({ queryKey: ["limits", useUser().id], enabled: false });

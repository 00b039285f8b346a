// After something was used: reads the meters, the chart and the alerts again.
import type { QueryClient } from "@tanstack/react-query";

export function readUsageAgain(queries: QueryClient, userId: string): void {
  for (const what of ["limits", "history", "alerts"]) {
    void queries.invalidateQueries({ queryKey: [what, userId] });
  }
}

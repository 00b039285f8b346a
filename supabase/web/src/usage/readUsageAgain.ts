// After something was used: reads the meters and the chart again.
import type { QueryClient } from "@tanstack/react-query";

export function readUsageAgain(queries: QueryClient, userId: string): void {
  for (const what of ["limits", "history"]) void queries.invalidateQueries({ queryKey: [what, userId] });
}

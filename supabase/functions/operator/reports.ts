// The reports: what each asks for, and the database function that answers it.
import { z } from "zod";
import { HttpError, uuid, words } from "../_shared/http.ts";
import type { Client } from "../_shared/limitChecker.ts";
import { dataOf } from "../_shared/refusal.ts";
import type { Json } from "../_shared/types.ts";
import { isOne, NOT_ONE, owner } from "./owner.ts";

const page = z.int().min(0).max(10_000).default(0);

/** Finds the user who has exactly this address or id; of the teams, also the one with this id. */
const search = words.max(320).pipe(
  z.union([uuid, z.email({ pattern: z.regexes.unicodeEmail })], {
    error: "Enter the email address or the id of a user",
  }),
);

export const reportRequest = z.discriminatedUnion("report", [
  z.object({ report: z.literal("near_limit"), share: z.number().min(0).max(1).default(0.8), page }),
  z.object({ report: z.literal("top_users"), feature_type: words.max(50), page }),
  z.object({ report: z.literal("use_by_day"), days: z.int().min(1).max(90).default(30) }),
  z.object({ report: z.literal("user"), search, page }),
  z.object({ report: z.literal("history"), ...owner }).refine(isOne, NOT_ONE),
  z.object({ report: z.literal("teams"), search }),
], {
  error: (issue) =>
    issue.code === "invalid_union"
      ? "The reports are near_limit, top_users, use_by_day, user, history and teams"
      : undefined,
});
type ReportRequest = z.infer<typeof reportRequest>;

export async function makeReport(supabase: Client, wanted: ReportRequest): Promise<Record<string, Json>> {
  const answer = dataOf(await ask(supabase, wanted), "The report can't be made at the moment.");
  if (answer) return answer as Record<string, Json>;
  if (wanted.report === "user") {
    throw new HttpError(404, "There is no such user.", { error_code: "NO_SUCH_USER" });
  }
  throw new HttpError(400, "feature_type: There is no such feature.", { error_code: "INVALID_FEATURE" });
}

function ask(supabase: Client, wanted: ReportRequest) {
  switch (wanted.report) {
    case "near_limit":
      return supabase.rpc("operator_near_limit", { p_share: wanted.share, p_page: wanted.page });
    case "top_users":
      return supabase.rpc("operator_top_users", { p_feature_type: wanted.feature_type, p_page: wanted.page });
    case "use_by_day":
      return supabase.rpc("operator_use_by_day", { p_days: wanted.days });
    case "user":
      return supabase.rpc("operator_user", { p_search: wanted.search, p_page: wanted.page });
    case "history":
      return supabase.rpc("operator_history", { p_user_id: wanted.user_id, p_pool_id: wanted.pool_id });
    case "teams":
      return supabase.rpc("operator_teams", { p_search: wanted.search });
  }
}

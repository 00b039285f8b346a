// POST {report, …}: what an operator asks about the usage of users; see reports.ts. POST {action, …}: what an
// operator does for one user or team, with a reason; see actions.ts.
import { z } from "zod";
import { authenticate, requireOperator, requireOperatorNow } from "../_shared/caller.ts";
import { json, parsed, readBody, servePost } from "../_shared/http.ts";
import { serviceClient } from "../_shared/serviceClient.ts";
import { act, actionRequest } from "./actions.ts";
import { makeReport, reportRequest } from "./reports.ts";

const supabase = serviceClient();

servePost(async (request) => {
  const caller = await authenticate(request);
  requireOperator(caller);
  const body = await readBody(request, z.looseObject({}));
  if (!("action" in body)) {
    return json(200, await makeReport(supabase, parsed(body, reportRequest, 400)));
  }
  await requireOperatorNow(supabase, caller);
  const actor = caller.role === "service_role" ? caller.role : caller.userId;
  return json(200, await act(supabase, actor, parsed(body, actionRequest, 400)));
});

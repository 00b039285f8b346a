// POST {report, …}: what an operator asks about the usage of all users. See reports.ts for the reports.
import { authenticate, requireOperator } from "../_shared/caller.ts";
import { json, readBody, servePost } from "../_shared/http.ts";
import { serviceClient } from "../_shared/serviceClient.ts";
import { makeReport, reportRequest } from "./reports.ts";

const supabase = serviceClient();

servePost(async (request) => {
  requireOperator(await authenticate(request));
  return json(200, await makeReport(supabase, await readBody(request, reportRequest)));
});

// JSON requests and answers, shared by all edge functions.
import { z } from "zod";

const corsHeaders = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Headers": "authorization, x-client-info, apikey, content-type",
  "Access-Control-Allow-Methods": "POST, OPTIONS",
  "Access-Control-Expose-Headers": "Retry-After",
};

const MAX_BODY = 64 * 1024;

/** A uuid in lower case, as the database writes it, so that equal ids are equal texts. */
export const uuid = z.uuid().toLowerCase();

/** Text that the database can store. */
export const words = z.string().trim().min(1).max(4000)
  .refine((text) => text.isWellFormed() && !text.includes("\0"), "Invalid input: not a valid text");

/** An error response; throwing it ends the request. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly details: Record<string, unknown> = {},
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

export function json(status: number, body: Record<string, unknown>, headers = {}): Response {
  return Response.json(body, { status, headers: { ...corsHeaders, ...headers } });
}

/** Serves POST and a browser's preflight, and turns thrown errors into responses. */
export function servePost(handle: (request: Request) => Promise<Response>): void {
  Deno.serve(async (request) => {
    try {
      if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: corsHeaders });
      if (request.method !== "POST") throw new HttpError(405, "Use POST.");
      return await handle(request);
    } catch (error) {
      if (error instanceof HttpError) {
        return json(error.status, { error: error.message, ...error.details }, error.headers);
      }
      console.error(JSON.stringify({ event: "unexpected_error", message: String(error) }));
      return json(500, { error: "Something went wrong on the server." });
    }
  });
}

/** Returns the body of a request, unchanged: a signature is of its bytes. */
export async function readText(request: Request, longest = MAX_BODY): Promise<string> {
  const text = await request.text();
  if (text.length > longest) throw new HttpError(413, "The body is too long.");
  return text;
}

/** Parses the body of a request; throws a 400 that says what is invalid. */
export async function readBody<T>(request: Request, shape: z.ZodType<T>): Promise<T> {
  const text = await readText(request);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new HttpError(400, "The body is not JSON.");
  }
  return parsed(body, shape, 400);
}

/** Returns a value of this shape; throws an error of this status that says what is invalid. */
export function parsed<T>(value: unknown, shape: z.ZodType<T>, status: number): T {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HttpError(status, [issue.path.join("."), issue.message].filter(Boolean).join(": "));
}

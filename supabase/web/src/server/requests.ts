// Calls the database and the edge functions; throws a Failure.
import { FunctionsHttpError, isAuthRetryableFetchError } from "@supabase/supabase-js";
import type { z } from "zod";
import { endSession } from "./endSession.ts";
import { Failure, refusalDetails } from "./failure.ts";
import { supabase } from "./supabase.ts";

const NOT_ACCEPTED = "The server did not accept this request.";

interface DatabaseResponse {
  data: unknown;
  error: { message: string; code: string } | null;
  status: number;
}

/** Reads from the database; throws a Failure. `request` is called again if the session had to be renewed. */
export function read<T>(shape: z.ZodType<T>, request: () => PromiseLike<DatabaseResponse>): Promise<T> {
  return withSession(async () => {
    const { data, error, status } = await request();
    // The database's messages can name tables: they are for the console.
    if (error) throw new Failure(status, NOT_ACCEPTED);
    return shape.parse(data);
  });
}

/** Calls an edge function; throws a Failure. */
export function invoke<T>(shape: z.ZodType<T>, name: string, body: Record<string, unknown>): Promise<T> {
  return withSession(async () => {
    const { data, error } = await supabase.functions.invoke(name, { body });
    if (error) throw await failureOf(error);
    return shape.parse(data);
  });
}

async function failureOf(error: unknown): Promise<Failure> {
  if (!(error instanceof FunctionsHttpError)) return new Failure(0, "no answer");
  const response: Response = error.context;
  const details = refusalDetails.safeParse(await response.json().catch(() => ({}))).data ?? {};
  return new Failure(response.status, details.error ?? NOT_ACCEPTED, details);
}

/** A request whose token the server no longer accepts is made again with a new token, once. */
async function withSession<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (failure) {
    if (!(failure instanceof Failure) || !failure.isSignedOut) throw failure;
    const { error } = await supabase.auth.refreshSession();
    // If Auth does not answer, the session may still be good.
    if (isAuthRetryableFetchError(error)) throw new Failure(0, "no answer");
    if (error) await endSession();
    if (error) throw failure;
    return await request();
  }
}

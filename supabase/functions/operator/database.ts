// What the database says to an operator.
import type { PostgrestSingleResponse } from "@supabase/supabase-js";
import { HttpError } from "../_shared/http.ts";
import { dataOf } from "../_shared/refusal.ts";

/** Classes of SQLSTATE that are about the values of a request: invalid data, constraints, terms that are fixed. */
const ABOUT_THE_REQUEST = /^(22|23|55)/;
const FOREIGN_KEY_VIOLATION = "23503";

/**
 * Returns the data of a REST answer. Unlike others, an operator sees the database's message and its hint, if they
 * are about the request: they say how to mend it.
 */
export function answered<T>(answer: PostgrestSingleResponse<T>): T {
  const { error } = answer;
  if (error && ABOUT_THE_REQUEST.test(error.code) && error.code !== FOREIGN_KEY_VIOLATION) {
    throw new HttpError(400, error.message, {
      error_code: "DATABASE_ERROR",
      rpc_code: error.code,
      hint: error.hint ?? undefined,
    });
  }
  return dataOf(answer, "This can't be done at the moment.");
}

/** The reference of what an operator adds: the same for the same request. */
export const reference = (requestId: string): string => `operator:${requestId}`;

/** A reason for where there is no column that says who it was. */
export const signed = (reason: string, actor: string): string => `${reason} (operator ${actor})`;

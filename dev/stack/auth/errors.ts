// The errors of Auth, in the shapes of both versions of its API.

export class AuthError extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly details = {}) {
    super(message);
  }
}

const VERSION = "X-Supabase-Api-Version";
const VERSION_WITH_CODES = "2024-01-01";

export function errorResponse(request: Request, thrown: unknown): Response {
  const { status, code, message, details } = thrown instanceof AuthError ? thrown : unexpected(thrown);
  if ((request.headers.get(VERSION) ?? "") >= VERSION_WITH_CODES) {
    const headers = { [VERSION]: VERSION_WITH_CODES };
    return Response.json({ code, message, ...details }, { status, headers });
  }
  return Response.json({ code: status, error_code: code, msg: message, ...details }, { status });
}

function unexpected(thrown: unknown): AuthError {
  console.error(thrown);
  const message = "Unexpected failure, please check server logs for more information";
  return new AuthError(500, "unexpected_failure", message);
}

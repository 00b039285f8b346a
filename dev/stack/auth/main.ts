// A stand-in for Supabase Auth, for the local stack only, never for production: it has no rate limits,
// sends no mail, and answers only what supabase.auth needs to sign up, in and out with a password.
import { AuthError, errorResponse } from "./errors.ts";
import { createdUser, emailAddress, readBody, strongPassword, userId } from "./requests.ts";
import { endSessions, refreshSession, type Scope, startSession } from "./sessions.ts";
import { isPassword } from "./passwords.ts";
import { publicKeys, requireAdmin, requireUser } from "./tokens.ts";
import { createUser, findUser, findUserByEmail, shown } from "./users.ts";

type Handler = (request: Request, url: URL) => Promise<Response> | Response;

const routes: Record<string, Handler> = {
  "POST /token": token,
  "POST /signup": signUp,
  "POST /logout": signOut,
  "GET /user": async (request) => Response.json(shown((await requireUser(request)).user)),
  "POST /admin/users": createUserAsAdmin,
  "GET /admin/users/:id": showUserToAdmin,
  "GET /.well-known/jwks.json": () => Response.json(publicKeys),
  "GET /settings": () =>
    Response.json({ external: { email: true }, disable_signup: false, mailer_autoconfirm: true }),
  "GET /health": () => Response.json({ name: "Auth stand-in", description: "for the local stack only" }),
};

Deno.serve(async (request) => {
  try {
    const url = new URL(request.url);
    // The id of a user is not a part of the route.
    const path = url.pathname.replace(/^(\/admin\/users)\/[^/]+$/, "$1/:id");
    const handle = routes[`${request.method} ${path}`];
    if (!handle) throw new AuthError(404, "not_found", "The local stack's Auth has nothing at this address");
    return await handle(request, url);
  } catch (error) {
    return errorResponse(request, error);
  }
});

async function token(request: Request, url: URL): Promise<Response> {
  switch (url.searchParams.get("grant_type")) {
    case "password":
      return await signIn(request);
    case "refresh_token":
      return Response.json(await refreshSession((await readBody(request)).refresh_token ?? ""));
    default:
      throw new AuthError(400, "invalid_credentials", "unsupported_grant_type");
  }
}

async function signIn(request: Request): Promise<Response> {
  const { email, password } = await readBody(request);
  if (!email) throw new AuthError(400, "validation_failed", "missing email or phone");
  const user = await findUserByEmail(email);
  // The same work and answer for an unknown user, so that nobody learns who has signed up.
  if (!await isPassword(password ?? "", user?.encrypted_password) || !user) {
    throw new AuthError(400, "invalid_credentials", "Invalid login credentials");
  }
  if (!user.email_confirmed_at) throw new AuthError(400, "email_not_confirmed", "Email not confirmed");
  return Response.json(await startSession(user));
}

/** Signs in at once, like Supabase with confirmations off. */
async function signUp(request: Request): Promise<Response> {
  const { email, password, data } = await readBody(request);
  const user = await createUser({
    email: emailAddress(email),
    password: strongPassword(password),
    user_metadata: data,
  });
  if (!user) throw new AuthError(422, "user_already_exists", "User already registered");
  return Response.json(await startSession(user));
}

async function createUserAsAdmin(request: Request): Promise<Response> {
  await requireAdmin(request);
  const user = await createUser(createdUser(await readBody(request)));
  if (user) return Response.json(shown(user));
  throw new AuthError(422, "email_exists", "A user with this email address has already been registered");
}

async function showUserToAdmin(request: Request, url: URL): Promise<Response> {
  await requireAdmin(request);
  const user = await findUser(userId(url.pathname.split("/").at(-1)));
  if (user) return Response.json(shown(user));
  throw new AuthError(404, "user_not_found", "User not found");
}

async function signOut(request: Request, url: URL): Promise<Response> {
  const { user, sessionId } = await requireUser(request);
  const scope = url.searchParams.get("scope") || "global";
  if (!["global", "local", "others"].includes(scope)) {
    throw new AuthError(400, "validation_failed", `Unsupported logout scope "${scope}"`);
  }
  await endSessions(user.id, scope as Scope, sessionId ?? null);
  return new Response(null, { status: 204 });
}

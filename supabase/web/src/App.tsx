// Which page is shown: signing in, or those of a signed-in user.
import { SignIn } from "./session/SignIn.tsx";
import { useSession } from "./session/useSession.tsx";
import { Waiting } from "./session/Waiting.tsx";
import { SignedIn } from "./SignedIn.tsx";

export function App() {
  const { session, isUnreachable } = useSession();
  if (session === undefined || isUnreachable) return <Waiting />;
  if (session === null) return <SignIn />;
  // Nothing of one user may be shown to the next.
  return <SignedIn key={session.user.id} />;
}

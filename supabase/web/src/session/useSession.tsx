// Who is signed in.
import type { Session } from "@supabase/supabase-js";
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from "react";
import { supabase } from "../server/supabase.ts";
import { hasStoredSession } from "./stored.ts";

interface SessionState {
  /** undefined until the browser's storage has been read; null if nobody is signed in. */
  session: Session | null | undefined;
  /** Whether there is a session that cannot be renewed now, because Auth does not answer. */
  isUnreachable: boolean;
  /** Whether somebody was signed in on this page before. */
  wasSignedIn: boolean;
}

const SessionContext = createContext<SessionState>({
  session: undefined,
  isUnreachable: false,
  wasSignedIn: false,
});

export function SessionProvider({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session | null>();
  const lastUser = useRef<string>(undefined);
  const queries = useQueryClient();
  useEffect(() => {
    const { data } = supabase.auth.onAuthStateChange((_event, now) => {
      // Nothing of one user may be shown to the next.
      if (lastUser.current && lastUser.current !== now?.user.id) queries.clear();
      lastUser.current = now?.user.id ?? lastUser.current;
      setSession(now);
    });
    return () => data.subscription.unsubscribe();
  }, [queries]);
  return (
    <SessionContext
      value={{
        session,
        isUnreachable: session === null && hasStoredSession(),
        wasSignedIn: lastUser.current !== undefined,
      }}
    >
      {children}
    </SessionContext>
  );
}

export const useSession = () => useContext(SessionContext);

/** The user of a page that is only shown to a signed-in one. */
export function useUser() {
  const { session } = useSession();
  if (!session) throw new Error("nobody is signed in");
  const { id, email, app_metadata } = session.user;
  return { id, email, isOperator: app_metadata?.role === "operator" };
}

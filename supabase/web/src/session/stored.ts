// The session that Supabase's client keeps in the browser.

/** Whether there is one, also if it could not be renewed. */
export const hasStoredSession = (): boolean =>
  Object.keys(localStorage).some((key) => /^sb-.*-auth-token$/.test(key));

// Up to which alert this browser has shown a user's: each is shown once, also with several tabs.

const keyOf = (userId: string) => `usage-alert-of-${userId}`;

export const lastSeen = (userId: string): number => Number(localStorage.getItem(keyOf(userId)) ?? 0);

export function rememberSeen(userId: string, alertId: number): void {
  localStorage.setItem(keyOf(userId), String(Math.max(alertId, lastSeen(userId))));
}

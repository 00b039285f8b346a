// Times as the user's device writes them, in its time zone. The database answers in UTC.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const dateAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });

/** When something will be: "in 5 hours, at 01:00", or "on 1 Dec 2025, 01:00" if that is days ahead. */
export function ahead(time: string, now: number): string {
  const left = Date.parse(time) - now;
  if (left > DAY) return `on ${dateAndClock.format(Date.parse(time))}`;
  return `${distance(Math.max(left, MINUTE))}, at ${clock.format(Date.parse(time))}`;
}

function distance(left: number): string {
  return left < HOUR
    ? relative.format(Math.round(left / MINUTE), "minute")
    : relative.format(Math.round(left / HOUR), "hour");
}

export const dayOf = (time: string): string => date.format(Date.parse(time));
export const clockOf = (time: number): string => clock.format(time);

/** A period key as a date for people. Its days are those of UTC, wherever the user is. */
export function periodName(period: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" }).format(Date.parse(period));
}

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

/** How long to wait: "3 seconds", "30 minutes". Rounded up, so that nobody comes too early. */
export function waitOf(seconds: number): string {
  if (1000 * seconds < 2 * MINUTE) return duration("second", seconds);
  if (1000 * seconds < 2 * HOUR) return duration("minute", (1000 * seconds) / MINUTE);
  return duration("hour", (1000 * seconds) / HOUR);
}

const duration = (unit: string, count: number): string =>
  new Intl.NumberFormat("en", { style: "unit", unit, unitDisplay: "long" }).format(Math.ceil(count));

export const dayOf = (time: string): string => date.format(Date.parse(time));
export const dayAndClockOf = (time: string): string => dateAndClock.format(Date.parse(time));
export const clockOf = (time: number): string => clock.format(time);

/** What follows an amount that is left: " this hour", " in total". Nothing for the feature's own period. */
export function inWindow(per: string): string {
  if (per === "period") return "";
  return per === "total" ? " in total" : ` this ${per.replace("_", " ")}`;
}

/** A period key as a date for people. Its days are those of UTC, wherever the user is. */
export function periodName(period: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" }).format(Date.parse(period));
}

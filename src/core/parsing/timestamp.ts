/**
 * RFC 3339 5.6 `date-time`, with `T` and `Z` in either case. A space in place of `T`, which the RFC permits, is not accepted: an
 * unescaped `+` in a query is decoded as a space.
 */
const pattern =
  /^(\d{4})-(\d\d)-(\d\d)t([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?(?:z|([+-])([01]\d|2[0-3]):([0-5]\d))$/i;

const minuteMilliseconds = 60_000;

/**
 * Parses a time in any form of RFC 3339: `2026-11-22T09:30:00Z`, `2026-11-22t04:00:00.123456-05:30`. Digits of the fraction beyond
 * milliseconds are dropped. A leap second (`23:59:60` in UTC) becomes the second after it, as in POSIX time.
 *
 * @returns null for any other text, for a day that the month does not have, and for a time whose year in UTC is before 0000 or after 9999
 */
export function parseTimestamp(text: string): Date | null {
  const found = pattern.exec(text);
  if (found === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number);
  const [fraction = "", sign, offsetHours = "0", offsetMinutes = "0"] = found.slice(7);
  const date = new Date(0);
  // Not Date.UTC, which reads the years 0 to 99 as 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const offset = (sign === "-" ? -1 : 1) * (Number(offsetHours) * 60 + Number(offsetMinutes));
  date.setUTCHours(hour, minute, 0, 0);
  const minuteStart = date.getTime() - offset * minuteMilliseconds;
  if (second === 60 && !isLastMinuteOfDay(minuteStart)) return null;
  const time = new Date(minuteStart + second * 1000 + Number(fraction.slice(0, 3).padEnd(3, "0")));
  return /^\d{4}-/.test(time.toISOString()) ? time : null;
}

/** Leap seconds are inserted at the end of a day in UTC. */
const isLastMinuteOfDay = (minuteStart: number): boolean =>
  new Date(minuteStart).getUTCHours() === 23 && new Date(minuteStart).getUTCMinutes() === 59;

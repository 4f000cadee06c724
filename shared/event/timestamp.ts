/**
 * Parses a till's timestamp: ISO 8601 with an offset and up to nine fractional digits, or
 * milliseconds since 1970.
 */
import { MAX_TS, MIN_TS, MINUTE_MS } from '../time.ts';

const ISO = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)$/;

/**
 * The most distant offsets in use are -12:00 and +14:00; java.time, which the software of many
 * tills uses, allows 18 hours.
 */
export const MAX_OFFSET_MINUTES = 18 * 60;

export type Timestamp =
  | { readonly ok: true; readonly ts: number /** Minutes from UTC. */; readonly offset: number }
  | { readonly ok: false; readonly detail: string };

const refused = (detail: string): Timestamp => ({ ok: false, detail });

/** Whether an event may have this time: in the years 2000 to 2099, UTC. */
export const isEventTime = (ms: number): boolean => ms >= MIN_TS && ms < MAX_TS;

const inRange = (ts: number, offset: number): Timestamp =>
  isEventTime(ts) ? { ok: true, ts, offset } : refused('must lie in the years 2000 to 2099 (UTC)');

/** Start of a day in UTC; null for a day that does not exist, or in the first century. */
function midnight(year: number, month: number, day: number): number | null {
  // Date.UTC turns 30 February into a day of March, and a year below 100 into one of the 1900s:
  // such a date does not round-trip.
  const date = new Date(Date.UTC(year, month - 1, day));
  const exists = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return exists ? date.getTime() : null;
}

/** Digits below the millisecond are truncated. */
export function parseTimestamp(input: string | number): Timestamp {
  if (typeof input === 'number') {
    return Number.isSafeInteger(input) ? inRange(input, 0) : refused('must be whole milliseconds since 1970');
  }
  const match = ISO.exec(input);
  if (match === null) return refused('must be ISO 8601 with an offset, such as 2026-11-22T09:30:00+05:30');
  const number = (group: number): number => Number(match[group] ?? 0);

  const start = midnight(number(1), number(2), number(3));
  if (start === null) return refused('has no such day');

  const [hour, minute, second] = [number(4), number(5), number(6)];
  if (hour > 23 || minute > 59 || second > 59) return refused('has no such time of day');
  const millisecond = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'));

  const east = number(9) * 60 + number(10);
  if (number(10) > 59 || east > MAX_OFFSET_MINUTES) return refused('has an impossible offset');
  const offset = match[8] === '-' ? 0 - east : east;

  const local = start + ((hour * 60 + minute) * 60 + second) * 1000 + millisecond;
  return inRange(local - offset * MINUTE_MS, offset);
}

/**
 * Parses a till's timestamp: ISO 8601 with an offset and up to nine fractional digits, or
 * milliseconds since 1970.
 */
import { DAY_MS, HOUR_MS, MAX_TS, MIN_TS, MINUTE_MS } from '../time.ts';

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

/** Whether a till's time may come from a clock: till and agent share their machine's. */
export const isOfClock = (ts: number, clock: number): boolean => Math.abs(ts - clock) <= HOUR_MS;

/** The way out does not repeat the number: it may be a card's in the wrong field. */
const MISTAKEN_UNITS: readonly (readonly [name: string, perMillisecond: number, wayOut: string])[] = [
  ['seconds', 1e-3, 'times 1,000'],
  ['microseconds', 1e3, 'divided by 1,000'],
  ['nanoseconds', 1e6, 'divided by 1,000,000'],
];

function outOfRange(ts: number): Timestamp {
  for (const [name, perMillisecond, wayOut] of MISTAKEN_UNITS)
    if (isEventTime(ts / perMillisecond)) return refused(`is in ${name}: give milliseconds since 1970, ${wayOut}`);
  return refused('must lie in the years 2000 to 2099 (UTC)');
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const daysOf = (year: number, month: number): number => (month === 2 && isLeap(year) ? 29 : (LENGTHS[month - 1] ?? 0));

/** Start of a day in UTC; null for a day that does not exist, or in the first century. */
function midnight(year: number, month: number, day: number): number | null {
  // Date.UTC turns 30 February into a day of March, and a year below 100 into one of the 1900s.
  return year < 100 || day < 1 || day > daysOf(year, month) ? null : Date.UTC(year, month - 1, day);
}

/** A time of an event. */
export const parseTimestamp = (input: string | number): Timestamp => eventTime(parseInstant(input), input);

/** @param input of which `parseInstant` made the instant */
export function eventTime(instant: Timestamp, input: string | number): Timestamp {
  if (!instant.ok || isEventTime(instant.ts)) return instant;
  return typeof input === 'number' ? outOfRange(input) : refused('must lie in the years 2000 to 2099 (UTC)');
}

/** A time of any year. Digits below the millisecond are truncated. */
export function parseInstant(input: string | number): Timestamp {
  if (typeof input === 'number')
    return Number.isSafeInteger(input) ? { ok: true, ts: input, offset: 0 } : fractional(input);
  const match = ISO.exec(input);
  if (match === null) return refused('must be ISO 8601 with an offset, such as 2026-11-22T09:30:00+05:30');
  const number = (group: number): number => Number(match[group] ?? 0);

  const start = midnight(number(1), number(2), number(3));
  if (start === null) return refused('has no such day');

  const east = number(9) * 60 + number(10);
  if (number(10) > 59 || east > MAX_OFFSET_MINUTES) return refused('has an impossible offset');
  const offset = match[8] === '-' ? 0 - east : east;

  const millisecond = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const time = timeOfDay(number(4), number(5), number(6), millisecond, offset);
  if (time === null) return refused('has no such time of day');
  return { ok: true, ts: start + time - offset * MINUTE_MS, offset };
}

/** A number that is not whole, or too large to be exact. */
function fractional(input: number): Timestamp {
  const unit = outOfRange(input);
  return isEventTime(input) || unit.ok ? refused('must be whole milliseconds since 1970') : unit;
}

/**
 * Milliseconds since midnight, local time; null when there is no such time. A leap second (23:59:60
 * UTC) is the last millisecond before it, so that it stays in its day; 24:00 ends the day.
 */
function timeOfDay(hour: number, minute: number, second: number, millisecond: number, offset: number): number | null {
  if (hour === 24) return minute + second + millisecond === 0 ? DAY_MS : null;
  if (hour > 23 || minute > 59 || second > 60) return null;
  const minutes = hour * 60 + minute;
  if (second < 60) return minutes * MINUTE_MS + second * 1000 + millisecond;
  const end = (minutes + 1) * MINUTE_MS;
  return (end - offset * MINUTE_MS) % DAY_MS === 0 ? end - 1 : null;
}

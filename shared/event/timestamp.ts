/** The time a till writes: ISO 8601 with an offset and up to nine fractional digits, or milliseconds since 1970. */
import { MAX_TS, MIN_TS, MINUTE_MS } from '../time.ts';

const ISO = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)$/;

/** Farthest offsets in use are -12:00 and +14:00; ISO 8601 allows less than a day. */
const MAX_OFFSET_MINUTES = 18 * 60;

export type Timestamp =
  | { readonly ok: true; readonly ts: number /** Minutes from UTC. */; readonly offset: number }
  | { readonly ok: false; readonly detail: string };

const refused = (detail: string): Timestamp => ({ ok: false, detail });

const inRange = (ts: number, offset: number): Timestamp =>
  ts >= MIN_TS && ts < MAX_TS ? { ok: true, ts, offset } : refused('must lie in the years 2000 to 2099 (UTC)');

/** Digits below the millisecond are cut off. */
export function parseTimestamp(input: string | number): Timestamp {
  if (typeof input === 'number') {
    return Number.isSafeInteger(input) ? inRange(input, 0) : refused('must be whole milliseconds since 1970');
  }
  const match = ISO.exec(input);
  if (match === null) return refused('must be ISO 8601 with an offset, such as 2026-11-22T09:30:00+05:30');
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second = '0',
    fraction = '',
    sign = '+',
    offsetHours = '0',
    offsetMinutes = '0',
  ] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return refused('has no such time of day');
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
  // Date.UTC rolls 30 February over into March: such a date comes back as another one.
  if (new Date(midnight).getUTCMonth() !== Number(month) - 1 || Number(day) === 0) return refused('has no such day');
  const offset = (sign === '-' ? -1 : 1) * (Number(offsetHours) * 60 + Number(offsetMinutes));
  if (Number(offsetMinutes) > 59 || Math.abs(offset) > MAX_OFFSET_MINUTES) return refused('has an impossible offset');
  const local =
    midnight +
    ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000 +
    Number(fraction.slice(0, 3).padEnd(3, '0'));
  return inRange(local - offset * MINUTE_MS, offset);
}

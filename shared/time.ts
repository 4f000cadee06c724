/**
 * Time arithmetic. Instants are milliseconds since 1970 (UTC); hours, slots and days are counted
 * from there too.
 *
 * A slot is a quarter of an hour. Every offset of the world's time zones has been a multiple of a
 * quarter hour since 1972, so local hours and days are whole numbers of slots.
 */

export const MINUTE_MS = 60_000;
export const SLOT_MS = 15 * MINUTE_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const SLOTS_PER_HOUR = 4;
export const SLOTS_PER_DAY = 96;

/** Bounds of an event's time: 2000-01-01 inclusive to 2100-01-01 exclusive. */
export const MIN_TS = Date.UTC(2000, 0, 1);
export const MAX_TS = Date.UTC(2100, 0, 1);

/** Hours since 1970. */
export const hourOf = (ms: number): number => Math.floor(ms / HOUR_MS);
/** Minutes since 1970. */
export const minuteOf = (ms: number): number => Math.floor(ms / MINUTE_MS);
/** Slots since 1970. */
export const slotOf = (ms: number): number => Math.floor(ms / SLOT_MS);
/** Days since 1970 of an hour since 1970. */
export const dayOfHour = (hour: number): number => Math.floor(hour / 24);

export type Interval = '15m' | 'hour' | 'day' | 'week' | 'month' | 'total';
export const INTERVALS: readonly Interval[] = ['15m', 'hour', 'day', 'week', 'month', 'total'];

/** A half-open time range, in milliseconds since 1970. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Whether a text names a zone of the tz database, in upper or lower case. Temporal accepts more:
 * bare offsets, which need not be whole slots, and instants that carry an offset.
 */
export function isTimeZone(tz: string): boolean {
  try {
    const { timeZoneId } = new Temporal.ZonedDateTime(0n, tz);
    return /^[a-z]/i.test(tz) && timeZoneId.toLowerCase() === tz.toLowerCase();
  } catch {
    return false;
  }
}

const zoned = (ms: number, tz: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(tz);

const RFC_3339 = { timeZoneName: 'never', calendarName: 'never' } as const;
const SECONDS = { ...RFC_3339, smallestUnit: 'second' } as const;
const MILLISECONDS = { ...RFC_3339, smallestUnit: 'millisecond' } as const;

/** RFC 3339 with the zone's offset at that time, whole seconds unless there are milliseconds. */
export const formatZoned = (at: Temporal.ZonedDateTime): string =>
  at.toString(at.millisecond === 0 ? SECONDS : MILLISECONDS);

/** The same of an instant. */
export const formatInstant = (ms: number, tz: string): string => formatZoned(zoned(ms, tz));

/** Of a zone: since 2000 offsets change with a minute's begin, not all with a quarter hour's. */
interface Offset {
  readonly ms: number;
  readonly text: string;
}

/**
 * The same for many instants of one zone, many of which are near each other: it looks up the offset
 * once a minute, which takes most of the time.
 */
export function instantFormat(tz: string): (ms: number) => string {
  const offsets = new Map<number, Offset>();
  const offsetOf = (minute: number): Offset => {
    const at = zoned(minute * MINUTE_MS, tz);
    return { ms: at.offsetNanoseconds / 1e6, text: formatZoned(at).slice(-'+00:00'.length) };
  };
  return (ms) => {
    if (ms < MIN_TS || ms >= MAX_TS) return formatInstant(ms, tz);
    const minute = minuteOf(ms);
    const offset = offsets.get(minute) ?? offsetOf(minute);
    offsets.set(minute, offset);
    const local = new Date(ms + offset.ms).toISOString();
    return local.slice(0, ms % 1000 === 0 ? 19 : 23) + offset.text;
  };
}

const ISO_DATE = /^\d{4}-\d\d-\d\d$/;

/**
 * Start of the local day of an ISO date (YYYY-MM-DD), in milliseconds since 1970. A day that the
 * zone skipped starts with the next day.
 *
 * @throws RangeError on a date that does not exist
 */
export function startOfLocalDate(date: string, tz: string): number {
  if (!ISO_DATE.test(date)) throw new RangeError(`not a date (YYYY-MM-DD): ${JSON.stringify(date.slice(0, 80))}`);
  return Temporal.PlainDate.from(date).toZonedDateTime(tz).epochMilliseconds;
}

/** Widens a range outwards to whole slots. */
export const widenToSlots = (range: Range): Range => ({
  from: Math.floor(range.from / SLOT_MS) * SLOT_MS,
  // The sum makes -0 an ordinary zero.
  to: Math.ceil(range.to / SLOT_MS) * SLOT_MS + 0,
});

/**
 * The same range one calendar year earlier in the zone's local time. 29 February becomes the 28th,
 * but an end at its midnight, which means "including all of the 28th", becomes the midnight of 1
 * March.
 */
export function yearBefore(range: Range, tz: string): Range {
  const from = zoned(range.from, tz).subtract({ years: 1 });
  const end = zoned(range.to, tz);
  const leapMidnight = end.month === 2 && end.day === 29 && end.equals(end.startOfDay());
  const to = end.subtract({ years: 1 }).add({ days: leapMidnight ? 1 : 0 });
  // Both may fall on the 28th, in the wrong order.
  return { from: from.epochMilliseconds, to: Math.max(from.epochMilliseconds, to.epochMilliseconds) };
}

/**
 * The clock change between two instants (the second included), if there is one at the start of a
 * slot.
 */
function shiftBetween(after: Temporal.ZonedDateTime, upTo: Temporal.ZonedDateTime): Temporal.ZonedDateTime | null {
  if (after.offsetNanoseconds === upTo.offsetNanoseconds) return null;
  const shift = after.getTimeZoneTransition('next');
  return shift !== null && shift.epochMilliseconds % SLOT_MS === 0 ? shift : null;
}

// Local hours begin at minute 0 and at clock changes, so that no hour has two offsets, and a
// repeated hour is two hours. They are found by exact time, not by wall clock: where the clock goes
// back, a wall time names two instants. Changes off the slots (a few zones had them at one minute
// past midnight, such as Newfoundland until 2011) do not end an hour.

function startOfHour(at: Temporal.ZonedDateTime): Temporal.ZonedDateTime {
  const start = at.subtract({ minutes: at.minute, seconds: at.second, milliseconds: at.millisecond });
  return shiftBetween(start, at) ?? start;
}

function nextHour(start: Temporal.ZonedDateTime): Temporal.ZonedDateTime {
  const next = start.add({ minutes: 60 - start.minute });
  return shiftBetween(start, next) ?? next;
}

type Cut = Exclude<Interval, 'total'>;

function startOfInterval(at: Temporal.ZonedDateTime, interval: Cut): Temporal.ZonedDateTime {
  switch (interval) {
    case '15m':
      return at.subtract({ milliseconds: at.epochMilliseconds - slotOf(at.epochMilliseconds) * SLOT_MS });
    case 'hour':
      return startOfHour(at);
    case 'day':
      return at.startOfDay();
    case 'week':
      return at.subtract({ days: at.dayOfWeek - 1 }).startOfDay();
    case 'month':
      return at.with({ day: 1 }).startOfDay();
  }
}

function nextInterval(start: Temporal.ZonedDateTime, interval: Cut): Temporal.ZonedDateTime {
  switch (interval) {
    case '15m':
      return start.add({ minutes: 15 });
    case 'hour':
      return nextHour(start);
    case 'day':
      return start.add({ days: 1 }).startOfDay();
    case 'week':
      return start.add({ weeks: 1 }).startOfDay();
    case 'month':
      return start.add({ months: 1 }).startOfDay();
  }
}

export interface Bucket extends Range {
  /** `from` in the zone. */
  readonly start: Temporal.ZonedDateTime;
}

/**
 * Splits a range of whole slots at the local boundaries of an interval, bucket by bucket. The first
 * and last buckets are clipped to the range.
 */
export function* eachBucket(range: Range, interval: Interval, tz: string): Generator<Bucket, void, void> {
  if (range.to <= range.from) return;
  let { from } = range;
  let start = zoned(from, tz);
  if (interval === 'total') {
    yield { ...range, start };
    return;
  }
  let boundary = startOfInterval(start, interval);
  while (from < range.to) {
    boundary = nextInterval(boundary, interval);
    const to = Math.min(boundary.epochMilliseconds, range.to);
    // The first boundaries may lie before the range, where a day was repeated.
    if (to <= from) continue;
    yield { from, to, start };
    from = to;
    start = boundary;
  }
}

/** @param max maximum number of buckets: null when there are more */
export function buckets(range: Range, interval: Interval, tz: string, max: number): Range[] | null {
  const found: Range[] = [];
  for (const { from, to } of eachBucket(range, interval, tz)) {
    if (found.length >= max) return null;
    found.push({ from, to });
  }
  return found;
}

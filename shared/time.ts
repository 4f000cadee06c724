/**
 * Instants are milliseconds since 1970 (UTC); hours, slots and days are counted from there too.
 *
 * A slot is a quarter of an hour. Every offset of the world's time zones has been a multiple of a quarter hour since 1972, so
 * local hours and days are whole numbers of slots.
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
/** Days since 1970, of an hour counted since 1970. */
export const dayOfHour = (hour: number): number => Math.floor(hour / 24);

export type Interval = '15m' | 'hour' | 'day' | 'week' | 'month' | 'total';
export const INTERVALS: readonly Interval[] = ['15m', 'hour', 'day', 'week', 'month', 'total'];

/** A half-open stretch of time, in milliseconds since 1970. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export const isTimeZone = (tz: string): boolean => {
  try {
    Temporal.Now.zonedDateTimeISO(tz);
    return true;
  } catch {
    return false;
  }
};

const zoned = (ms: number, tz: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(tz);

/** RFC 3339 with the zone's offset at that instant, whole seconds unless there are milliseconds. */
export const formatInstant = (ms: number, tz: string): string =>
  zoned(ms, tz).toString({
    timeZoneName: 'never',
    calendarName: 'never',
    smallestUnit: ms % 1000 === 0 ? 'second' : 'millisecond',
  });

/** Start of the local day of an ISO date, in milliseconds since 1970. @throws RangeError on a date that does not exist. */
export const startOfLocalDate = (date: string, tz: string): number =>
  Temporal.PlainDate.from(date, { overflow: 'reject' }).toZonedDateTime(tz).epochMilliseconds;

/** Widens a range outwards to whole slots. */
export const widenToSlots = (range: Range): Range => ({
  from: Math.floor(range.from / SLOT_MS) * SLOT_MS,
  to: Math.ceil(range.to / SLOT_MS) * SLOT_MS,
});

/** The same stretch one calendar year earlier in the zone's local time (29 February becomes the 28th). */
export const yearBefore = (range: Range, tz: string): Range => ({
  from: zoned(range.from, tz).subtract({ years: 1 }).epochMilliseconds,
  to: zoned(range.to, tz).subtract({ years: 1 }).epochMilliseconds,
});

function floorToInterval(at: Temporal.ZonedDateTime, interval: Interval): Temporal.ZonedDateTime {
  switch (interval) {
    case '15m':
      return Temporal.Instant.fromEpochMilliseconds(
        Math.floor(at.epochMilliseconds / SLOT_MS) * SLOT_MS,
      ).toZonedDateTimeISO(at.timeZoneId);
    case 'hour': {
      // By exact time, not by wall clock: where the clock goes back, a wall time names two instants and rounding may leap over one.
      const pastTheHour = (at.minute * 60 + at.second) * 1000 + at.millisecond;
      return at.subtract({ milliseconds: pastTheHour });
    }
    case 'day':
      return at.startOfDay();
    case 'week':
      return at
        .startOfDay()
        .subtract({ days: at.dayOfWeek - 1 })
        .startOfDay();
    case 'month':
      return at.with({ day: 1 }).startOfDay();
    case 'total':
      return at;
  }
}

function nextBoundary(start: Temporal.ZonedDateTime, interval: Interval): Temporal.ZonedDateTime {
  switch (interval) {
    case '15m':
      return start.add({ minutes: 15 });
    case 'hour':
      return start.add({ hours: 1 });
    case 'day':
      return start.add({ days: 1 }).startOfDay();
    case 'week':
      return start.add({ weeks: 1 }).startOfDay();
    case 'month':
      return start.add({ months: 1 }).startOfDay();
    case 'total':
      throw new RangeError('total has no boundaries');
  }
}

/**
 * Cuts a range at the local boundaries of an interval. The first and last buckets are clipped to the range.
 *
 * @param max stop after so many buckets and return null: the caller's limit on points
 */
export function buckets(range: Range, interval: Interval, tz: string, max: number): Range[] | null {
  if (range.to <= range.from) return [];
  if (interval === 'total') return [range];
  const found: Range[] = [];
  let from = range.from;
  let boundary = floorToInterval(zoned(from, tz), interval);
  while (from < range.to) {
    if (found.length >= max) return null;
    const previous = boundary;
    boundary = nextBoundary(previous, interval);
    // A half-hour shift of the clock (Lord Howe) moves the local hours against exact time: fall back on the local hour.
    if (interval === 'hour' && boundary.minute !== 0) {
      const floored = floorToInterval(boundary, interval);
      if (floored.epochMilliseconds > previous.epochMilliseconds) boundary = floored;
    }
    const to = Math.min(boundary.epochMilliseconds, range.to);
    if (to > from) found.push({ from, to });
    from = Math.max(from, to);
  }
  return found;
}

/** The period to compare with, and which of its points stands beside which asked one. */
import type { Cooperative } from '../../../shared/cooperative.ts';
import { type Interval, type Range, yearBefore } from '../../../shared/time.ts';
import { FIRST_INSTANT, type Period } from './period.ts';
import { badParameter } from './problem.ts';

export const COMPARISONS = ['previous_period', 'previous_year'] as const;
export type Compare = (typeof COMPARISONS)[number];

const zoned = (ms: number, tz: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(tz);

const isMidnight = (at: Temporal.ZonedDateTime): boolean => at.epochMilliseconds === at.startOfDay().epochMilliseconds;
const isMonthStart = (at: Temporal.ZonedDateTime): boolean => at.day === 1 && isMidnight(at);

/**
 * The range to compare a period with. Whole months are compared with as many months before them,
 * whole local days with as many days; anything else with the same local times as many days earlier
 * as it touches. The year before has the same local dates; by week it is 52 weeks before.
 *
 * @throws Problem 400 when it would reach back too far
 */
export function comparedRange(period: Period, compare: Compare, interval: Interval): Range {
  const range = rangeBefore(period, compare, interval);
  if (range.from < FIRST_INSTANT) throw badParameter('compare', 'would reach back before the year 2000');
  return range;
}

/**
 * For each bucket of the asked period the index of its counterpart; null: it has none. Weeks and
 * months stand beside those at the same place; shorter buckets beside the same local time.
 *
 * @param asked starts of the asked buckets, milliseconds since 1970, ascending
 * @param found starts of the buckets of `compared`, likewise
 */
export function* counterpartsOf(
  period: Period,
  compared: Range,
  compare: Compare,
  interval: Interval,
  asked: readonly number[],
  found: readonly number[],
): Cooperative<(number | null)[]> {
  const isDated = interval === 'day' || interval === 'hour' || interval === '15m';
  const isDay = interval === 'day';
  if (isDated) return yield* byLocalTime(asked, found, period.tz, shiftOf(period, compared, compare), isDay);
  return asked.map((_, index) => (index < found.length ? index : null));
}

function rangeBefore({ range, tz }: Period, compare: Compare, interval: Interval): Range {
  const [from, to] = [zoned(range.from, tz), zoned(range.to, tz)];
  // The start of a day stays one, also of a day that begins at 01:00.
  const earlier = (at: Temporal.ZonedDateTime, amount: Temporal.DurationLike): number =>
    isMidnight(at)
      ? at.toPlainDate().subtract(amount).toZonedDateTime(tz).epochMilliseconds
      : at.subtract(amount).epochMilliseconds;
  const back = (amount: Temporal.DurationLike): Range => ({ from: earlier(from, amount), to: earlier(to, amount) });
  if (compare === 'previous_year') {
    if (interval === 'week') return back({ weeks: 52 });
    const before = yearBefore(range, tz);
    // From 28 to 29 February, both ends fall on the same instant of the year before.
    return before.from < before.to ? before : { from: before.from, to: before.from + range.to - range.from };
  }
  const [first, end] = [from.toPlainDate(), to.toPlainDate()];
  if (isMonthStart(from) && isMonthStart(to))
    return back({ months: first.until(end, { largestUnit: 'month' }).months });
  const { days } = first.until(end, { largestUnit: 'day' });
  // The day in which the range ends counts too, unless it ends at its midnight.
  return back({ days: isMidnight(to) ? days : days + 1 });
}

type Shift = (date: Temporal.PlainDate) => Temporal.PlainDate;

/** Which local date stands beside a local date. */
function shiftOf({ range, tz }: Period, compared: Range, compare: Compare): Shift {
  // 29 February becomes the 28th.
  if (compare === 'previous_year') return (date) => date.subtract({ years: 1 });
  const [from, before] = [range.from, compared.from].map((ms) => zoned(ms, tz).toPlainDate());
  const days = before!.until(from!, { largestUnit: 'day' });
  return (date) => date.subtract(days);
}

/**
 * Counterparts by the local time at which a bucket begins. Where the clock goes back a local time
 * comes twice: the first one stands beside the first one.
 */
function* byLocalTime(
  asked: readonly number[],
  found: readonly number[],
  tz: string,
  shift: Shift,
  isDay: boolean,
): Cooperative<(number | null)[]> {
  const keyAt = (from: number, moved: Shift): string => {
    const at = zoned(from, tz);
    // Where a clock change skips midnight, a day begins at 01:00.
    if (isDay) return moved(at.toPlainDate()).toString();
    return moved(at.toPlainDate()).toPlainDateTime(at.toPlainTime()).toString();
  };
  const index = new Map<string, number>();
  for (const [at, from] of found.entries()) {
    const key = keyAt(from, unmoved);
    index.set(index.has(key) ? again(key) : key, at);
    yield;
  }
  const counterparts: (number | null)[] = [];
  let latest = '';
  for (const from of asked) {
    const local = keyAt(from, unmoved);
    const isAgain = local <= latest;
    if (!isAgain) latest = local;
    const key = keyAt(from, shift);
    counterparts.push(index.get(isAgain ? again(key) : key) ?? null);
    yield;
  }
  return counterparts;
}

const unmoved: Shift = (date) => date;
const again = (key: string): string => `${key} again`;

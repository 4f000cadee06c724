import fc from 'fast-check';
import t from 'tap';
import {
  buckets,
  DAY_MS,
  formatInstant,
  HOUR_MS,
  INTERVALS,
  type Range,
  SLOT_MS,
  slotOf,
} from '../../../shared/time.ts';
import { holds } from '../../support/shared/property.ts';

const at = (iso: string): number => Temporal.Instant.from(iso).epochMilliseconds;

const ZONES = [
  'UTC',
  'Europe/London',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'America/St_Johns',
  'Pacific/Apia',
  'Pacific/Chatham',
  'America/Sao_Paulo',
  'Asia/Beirut',
  'Africa/Cairo',
  'Antarctica/Casey',
];

/** What is wrong with buckets as a tiling of a range; null when nothing is. */
function flaw(range: Range, found: readonly Range[]): string | null {
  let edge = range.from;
  for (const { from, to } of found) {
    if (from !== edge) return `a gap or overlap at ${from}`;
    if (to <= from) return `an empty bucket at ${from}`;
    if (from % SLOT_MS !== 0 || to % SLOT_MS !== 0) return `a boundary off the slots in ${from} to ${to}`;
    edge = to;
  }
  return edge === range.to ? null : `an end at ${edge}`;
}

holds(
  t,
  'buckets tile any range without gap or overlap, on slots, and never exceed the limit',
  fc.property(
    fc.integer({ min: slotOf(at('2000-01-01T00:00Z')), max: slotOf(at('2099-01-01T00:00Z')) }),
    fc.integer({ min: 1, max: 96 * 60 }),
    fc.constantFrom(...INTERVALS),
    fc.constantFrom(...ZONES),
    fc.integer({ min: 1, max: 300 }),
    (first, count, interval, tz, max) => {
      const range = { from: first * SLOT_MS, to: (first + count) * SLOT_MS };
      const all = buckets(range, interval, tz, 1_000_000)!;
      const limited = buckets(range, interval, tz, max);
      return flaw(range, all) === null && (limited === null ? all.length > max : limited.length === all.length);
    },
  ),
  { numRuns: 300 },
);

t.test(
  'at every shift of every zone from 2000 to 2040, hours and days tile and hold no other hour or day',
  async (t) => {
    const flaws: string[] = [];
    let shifts = 0;
    for (const tz of Intl.supportedValuesOf('timeZone')) {
      let shift = Temporal.Instant.from('2000-01-01T00:00Z').toZonedDateTimeISO(tz).getTimeZoneTransition('next');
      for (; shift !== null && shift.year < 2040; shift = shift.getTimeZoneTransition('next')) {
        shifts++;
        const middle = slotOf(shift.epochMilliseconds) * SLOT_MS;
        if (shift.offsetNanoseconds % (SLOT_MS * 1e6) !== 0) flaws.push(`${tz}: offset ${shift.offset}`);
        for (const [interval, width] of [
          ['hour', 4 * HOUR_MS],
          ['day', 3 * DAY_MS],
        ] as const) {
          const range = { from: middle - width, to: middle + width };
          const found = buckets(range, interval, tz, 1_000)!;
          const wrong = flaw(range, found);
          if (wrong !== null) flaws.push(`${tz}, ${interval}s around ${shift}: ${wrong}`);
          // Hours with a clock change in the middle of a slot cannot be distinguished by slots.
          if (interval === 'hour' && shift.epochMilliseconds !== middle) continue;
          const named = interval === 'hour' ? 13 : 10;
          for (const { from, to } of found.slice(1, -1)) {
            const [first, last] = [formatInstant(from, tz), formatInstant(to - 1000, tz)];
            if (first.slice(0, named) !== last.slice(0, named))
              flaws.push(`${tz}: ${first} to ${last} in one ${interval}`);
          }
        }
      }
    }
    t.ok(shifts > 10_000, `${shifts} shifts looked at`);
    t.strictSame(flaws, []);
  },
);

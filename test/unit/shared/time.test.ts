import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import {
  dayOfHour,
  formatInstant,
  hourOf,
  instantFormat,
  isTimeZone,
  MAX_TS,
  MIN_TS,
  minuteOf,
  SLOT_MS,
  slotOf,
  startOfLocalDate,
  widenToSlots,
  yearBefore,
} from '../../../shared/time.ts';
import { holds } from '../../support/shared/property.ts';

const at = (iso: string): number => Temporal.Instant.from(iso).epochMilliseconds;
const span = (from: string, to: string) => ({ from: at(from), to: at(to) });

t.test('hours, minutes, slots and days are counted from 1970', async (t) => {
  const ms = at('2026-11-22T09:59:59.999Z');
  t.equal(hourOf(ms) * 3_600_000, at('2026-11-22T09:00Z'));
  t.equal(minuteOf(ms) * 60_000, at('2026-11-22T09:59Z'));
  t.equal(slotOf(ms) * SLOT_MS, at('2026-11-22T09:45Z'));
  t.equal(dayOfHour(hourOf(ms)) * 86_400_000, at('2026-11-22T00:00Z'));
  t.equal(hourOf(-1), -1);
  t.equal(slotOf(-1), -1);
});

t.test("an event's time begins with 2000 and ends before 2100", async (t) => {
  t.equal(MIN_TS, at('2000-01-01T00:00Z'));
  t.equal(MAX_TS, at('2100-01-01T00:00Z'));
});

t.test('zones of the tz database are known, in any case of letters', async (t) => {
  for (const tz of ['UTC', 'utc', 'Europe/London', 'asia/kolkata', 'Asia/Calcutta', 'Etc/GMT+5', 'EST', 'GMT']) {
    t.equal(isTimeZone(tz), true, tz);
  }
});

t.test('what is no zone of the tz database is refused, also what Temporal would take for one', async (t) => {
  const others = ['', ' ', 'Mars/Olympus', 'Europe', 'UTC ', 'Z', '+05:30', '-08', '+05:01', 'T12+0501'];
  for (const tz of [
    ...others,
    '2020-01-01T00:00:00Z',
    '2020-01-01T00:00[Asia/Kolkata]',
    'Europe/London\0',
    '__proto__',
  ]) {
    t.equal(isTimeZone(tz), false, JSON.stringify(tz));
  }
});

t.test("instants are written as RFC 3339 with the zone's offset", async (t) => {
  const cases: [string, string, string][] = [
    ['2011-11-22T00:00Z', 'UTC', '2011-11-22T00:00:00+00:00'],
    ['2011-03-27T00:59:59Z', 'Europe/London', '2011-03-27T00:59:59+00:00'],
    ['2011-03-27T01:00Z', 'Europe/London', '2011-03-27T02:00:00+01:00'],
    ['2026-11-22T04:00Z', 'Asia/Kolkata', '2026-11-22T09:30:00+05:30'],
    ['2026-11-22T04:00Z', 'Asia/Kathmandu', '2026-11-22T09:45:00+05:45'],
    ['2026-11-22T04:00:00.007Z', 'America/St_Johns', '2026-11-22T00:30:00.007-03:30'],
    ['1969-12-31T23:59:59Z', 'UTC', '1969-12-31T23:59:59+00:00'],
  ];
  for (const [instant, tz, text] of cases) t.equal(formatInstant(at(instant), tz), text);
});

t.test('many instants of a zone are written as each alone, whenever its offset changes', async (t) => {
  const zones = [...Intl.supportedValuesOf('timeZone'), 'UTC'];
  // Whole hours, the moments around changes of clocks, and others.
  const instants = fc.oneof(
    fc.integer({ min: MIN_TS / 60_000, max: MAX_TS / 60_000 }).map((minute) => minute * 60_000),
    fc.integer({ min: MIN_TS - 1e12, max: MAX_TS + 1e12 }),
    fc.constantFrom(at('2010-03-14T03:31Z'), at('2011-11-06T02:31Z'), at('2011-03-27T01:00Z')),
  );
  const property = fc.property(
    fc.constantFrom(...zones),
    fc.array(fc.tuple(instants, fc.integer({ min: -61_000, max: 61_000 })), { minLength: 1, maxLength: 20 }),
    (tz, instants) => {
      const format = instantFormat(tz);
      for (const [instant, more] of instants)
        for (const ms of [instant, instant + more]) assert.equal(format(ms), formatInstant(ms, tz));
    },
  );
  const run = fc.check(property, { numRuns: 1_000 });
  t.notOk(run.failed, fc.defaultReportMessage(run) ?? `held in ${run.numRuns} runs`);
});

t.test('a local day starts at its first instant', async (t) => {
  const cases: [string, string, string][] = [
    ['2026-11-22', 'UTC', '2026-11-22T00:00Z'],
    ['2026-11-22', 'Asia/Kolkata', '2026-11-21T18:30Z'],
    ['2011-03-27', 'Europe/London', '2011-03-27T00:00Z'],
    ['2011-03-28', 'Europe/London', '2011-03-27T23:00Z'],
    // Days without a midnight.
    ['2018-11-04', 'America/Sao_Paulo', '2018-11-04T03:00Z'],
    ['2018-03-25', 'Asia/Beirut', '2018-03-24T22:00Z'],
    // A day that Samoa leapt over, and the ones beside it.
    ['2011-12-29', 'Pacific/Apia', '2011-12-29T10:00Z'],
    ['2011-12-30', 'Pacific/Apia', '2011-12-30T10:00Z'],
    ['2011-12-31', 'Pacific/Apia', '2011-12-30T10:00Z'],
    ['2028-02-29', 'UTC', '2028-02-29T00:00Z'],
  ];
  for (const [date, tz, start] of cases) t.equal(startOfLocalDate(date, tz), at(start), `${date} ${tz}`);
});

t.test('what is no date has no start', async (t) => {
  const others = [
    '',
    '2026-02-29',
    '2026-02-30',
    '2026-13-01',
    '2026-00-01',
    '2026-01-00',
    '2026-1-1',
    '20260101',
    'today',
  ];
  for (const date of [...others, '2026-01-01T00:00', '2026-01-01[u-ca=hebrew]', '+002026-01-01', '2026-01-01 ']) {
    t.throws(() => startOfLocalDate(date, 'UTC'), RangeError, date);
  }
});

t.test('a range is widened outwards to whole slots', async (t) => {
  const cases: [number, number, number, number][] = [
    [0, 0, 0, 0],
    [1, 1, 0, SLOT_MS],
    [SLOT_MS, 2 * SLOT_MS, SLOT_MS, 2 * SLOT_MS],
    [SLOT_MS - 1, SLOT_MS + 1, 0, 2 * SLOT_MS],
    [-1, -1, -SLOT_MS, 0],
    [-SLOT_MS, -SLOT_MS, -SLOT_MS, -SLOT_MS],
    [-SLOT_MS - 1, SLOT_MS + 0.5, -2 * SLOT_MS, 2 * SLOT_MS],
  ];
  for (const [from, to, wideFrom, wideTo] of cases) {
    t.strictSame(widenToSlots({ from, to }), { from: wideFrom, to: wideTo }, `${from} to ${to}`);
  }
  t.ok(Object.is(widenToSlots({ from: -1, to: -1 }).to, 0), 'with no zero below zero');
});

t.test('the year before is the same range of local time', async (t) => {
  const london = 'Europe/London';
  t.strictSame(
    yearBefore(span('2012-03-25T00:00Z', '2012-03-25T23:00Z'), london),
    span('2011-03-25T00:00Z', '2011-03-26T00:00Z'),
    'a day of 23 hours is compared with one of 24',
  );
  t.strictSame(
    yearBefore(span('2012-07-01T23:00Z', '2012-07-02T23:00Z'), london),
    span('2011-07-01T23:00Z', '2011-07-02T23:00Z'),
  );
  t.strictSame(
    yearBefore(span('2012-03-27T01:00Z', '2012-03-27T02:00Z'), london),
    span('2011-03-27T01:00Z', '2011-03-27T02:00Z'),
    'also up to an hour that the clock leapt over then',
  );
});

t.test('in a leap year, no day is compared with nothing', async (t) => {
  const utc = (from: string, to: string) => yearBefore(span(`${from}T00:00Z`, `${to}T00:00Z`), 'UTC');
  t.strictSame(
    utc('2024-02-28', '2024-02-29'),
    span('2023-02-28T00:00Z', '2023-03-01T00:00Z'),
    'the 28th with the 28th',
  );
  t.strictSame(
    utc('2024-02-29', '2024-03-01'),
    span('2023-02-28T00:00Z', '2023-03-01T00:00Z'),
    'the 29th with the 28th',
  );
  t.strictSame(
    utc('2024-02-01', '2024-03-01'),
    span('2023-02-01T00:00Z', '2023-03-01T00:00Z'),
    'February with February',
  );
  t.strictSame(utc('2024-01-01', '2025-01-01'), span('2023-01-01T00:00Z', '2024-01-01T00:00Z'), 'a year with a year');
  t.strictSame(
    utc('2025-02-28', '2025-03-01'),
    span('2024-02-28T00:00Z', '2024-03-01T00:00Z'),
    'through the 28th, with the 29th',
  );
});

holds(
  t,
  'the year before never ends before it begins, and keeps to whole slots',
  fc.property(
    fc.integer({ min: slotOf(at('2003-01-01T00:00Z')), max: slotOf(at('2040-01-01T00:00Z')) }),
    fc.integer({ min: 1, max: 96 * 400 }),
    fc.constantFrom(
      'UTC',
      'Europe/London',
      'Asia/Kathmandu',
      'Australia/Lord_Howe',
      'Pacific/Apia',
      'America/Sao_Paulo',
    ),
    (first, count, tz) => {
      const { from, to } = yearBefore({ from: first * SLOT_MS, to: (first + count) * SLOT_MS }, tz);
      return from <= to && from % SLOT_MS === 0 && to % SLOT_MS === 0;
    },
  ),
  { numRuns: 500 },
);

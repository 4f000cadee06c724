import fc from 'fast-check';
import t from 'tap';
import { parseTimestamp } from '../../../../shared/event/timestamp.ts';
import { MAX_TS, MIN_TS } from '../../../../shared/time.ts';
import { holds } from '../../../support/shared/property.ts';

const utc = (iso: string): number => Temporal.Instant.from(iso).epochMilliseconds;

t.test('each way to write an instant with an offset is read', async (t) => {
  const cases: [string, string, number][] = [
    ['2026-11-22T09:30:00+05:30', '2026-11-22T04:00:00Z', 330],
    ['2026-11-22T09:30:00+0530', '2026-11-22T04:00:00Z', 330],
    ['2026-11-22T09:30:00+05', '2026-11-22T04:30:00Z', 300],
    ['2026-11-22T09:30:00+05:45', '2026-11-22T03:45:00Z', 345],
    ['2026-11-22T09:30:00-03:30', '2026-11-22T13:00:00Z', -210],
    ['2026-11-22T09:30:00Z', '2026-11-22T09:30:00Z', 0],
    ['2026-11-22t09:30:00z', '2026-11-22T09:30:00Z', 0],
    ['2026-11-22 09:30:00+00:00', '2026-11-22T09:30:00Z', 0],
    ['2026-11-22T09:30Z', '2026-11-22T09:30:00Z', 0],
    ['2026-11-22T00:00:00+14:00', '2026-11-21T10:00:00Z', 840],
    ['2026-11-22T00:00:00-12:00', '2026-11-22T12:00:00Z', -720],
    ['2026-11-22T00:00:00+18:00', '2026-11-21T06:00:00Z', 1080],
    ['2026-11-22T00:00:00-18:00', '2026-11-22T18:00:00Z', -1080],
    ['2026-11-22T23:59:59.999Z', '2026-11-22T23:59:59.999Z', 0],
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00Z', 0],
  ];
  for (const [text, instant, offset] of cases) {
    t.strictSame(parseTimestamp(text), { ok: true, ts: utc(instant), offset }, text);
  }
});

t.test('a leap second stays in its day, and 24:00 ends it', async (t) => {
  const cases: [string, string, number][] = [
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.999Z', 0],
    ['2016-12-31T23:59:60.123456789Z', '2016-12-31T23:59:59.999Z', 0],
    ['2017-01-01T05:29:60+05:30', '2016-12-31T23:59:59.999Z', 330],
    ['2016-12-31T15:59:60-08:00', '2016-12-31T23:59:59.999Z', -480],
    ['2026-11-22T24:00:00Z', '2026-11-23T00:00:00Z', 0],
    ['2026-11-22T24:00:00.000+05:30', '2026-11-22T18:30:00Z', 330],
    ['2026-12-31T24:00-05:00', '2027-01-01T05:00:00Z', -300],
  ];
  for (const [text, instant, offset] of cases)
    t.strictSame(parseTimestamp(text), { ok: true, ts: utc(instant), offset }, text);
});

t.test('a number in another unit than milliseconds is told by its unit', async (t) => {
  const cases: [number, RegExp][] = [
    [1_795_342_500, /in seconds: give milliseconds since 1970, times 1,000$/],
    [1_795_342_500.25, /in seconds: .* times 1,000$/],
    [1_795_342_500_000_123, /in microseconds: .* divided by 1,000$/],
    [1_795_342_500_000_000_000, /in nanoseconds: .* divided by 1,000,000$/],
    [1_795_342_500_000.5, /whole milliseconds/],
    [0, /years 2000 to 2099/],
  ];
  for (const [given, detail] of cases) t.match(parseTimestamp(given), { ok: false, detail }, String(given));
});

t.test('up to nine fractional digits are taken, and cut to milliseconds', async (t) => {
  const second = utc('2026-11-22T09:30:00Z');
  const cases: [string, number][] = [
    ['.1', 100],
    ['.12', 120],
    ['.123', 123],
    ['.1239', 123],
    ['.999999999', 999],
    ['.000999999', 0],
    [',5', 500],
  ];
  for (const [fraction, ms] of cases) {
    t.strictSame(parseTimestamp(`2026-11-22T09:30:00${fraction}Z`), { ok: true, ts: second + ms, offset: 0 }, fraction);
  }
  t.equal(parseTimestamp('2026-11-22T09:30:00.1234567890Z').ok, false);
  t.equal(parseTimestamp('2026-11-22T09:30:00.Z').ok, false);
});

t.test('an offset of -00:00 is an ordinary zero', async (t) => {
  const time = parseTimestamp('2026-11-22T09:30:00-00:00');
  t.ok(time.ok && Object.is(time.offset, 0));
});

t.test('the years 2000 to 2099 by UTC are taken to the millisecond, and nothing beside them', async (t) => {
  const taken = [
    MIN_TS,
    MAX_TS - 1,
    '2000-01-01T00:00:00Z',
    '1999-12-31T19:00:00-05:00',
    '2099-12-31T23:59:59.999999999Z',
    '2100-01-01T05:29:59.999+05:30',
  ];
  for (const given of taken) t.equal(parseTimestamp(given).ok, true, String(given));
  const refused = [
    MIN_TS - 1,
    MAX_TS,
    0,
    -1,
    Number.MAX_SAFE_INTEGER,
    '1999-12-31T23:59:59.999Z',
    '2000-01-01T05:29:59.999+05:30',
    '2100-01-01T00:00:00Z',
    '2099-12-31T19:00:00-05:00',
    '9999-12-31T23:59:59Z',
    '0026-11-22T09:30:00Z',
  ];
  for (const given of refused) {
    const time = parseTimestamp(given);
    t.equal(time.ok, false, String(given));
  }
  t.equal(parseTimestamp('0099-12-31T23:59:59-18:00').ok, false, 'nor the year 99 for 1999');
});

t.test('days and times that do not exist are refused', async (t) => {
  const cases: [string, string][] = [
    ['2026-02-29T00:00:00Z', 'has no such day'],
    ['2028-02-30T00:00:00Z', 'has no such day'],
    ['2026-02-30T00:00:00Z', 'has no such day'],
    ['2100-02-29T00:00:00Z', 'has no such day'],
    ['2026-04-31T00:00:00Z', 'has no such day'],
    ['2026-00-10T00:00:00Z', 'has no such day'],
    ['2026-13-10T00:00:00Z', 'has no such day'],
    ['2026-01-00T00:00:00Z', 'has no such day'],
    ['2026-01-32T00:00:00Z', 'has no such day'],
    ['2026-01-01T24:00:01Z', 'has no such time of day'],
    ['2026-01-01T24:01:00Z', 'has no such time of day'],
    ['2026-01-01T25:00:00Z', 'has no such time of day'],
    ['2026-12-31T23:59:61Z', 'has no such time of day'],
    ['2026-12-31T23:59:60+05:30', 'has no such time of day'],
    ['2026-01-01T00:60:00Z', 'has no such time of day'],
    ['2026-01-01T00:00:60Z', 'has no such time of day'],
    ['2026-01-01T00:00:00+18:01', 'has an impossible offset'],
    ['2026-01-01T00:00:00-19:00', 'has an impossible offset'],
    ['2026-01-01T00:00:00+05:60', 'has an impossible offset'],
  ];
  for (const [text, detail] of cases) t.strictSame(parseTimestamp(text), { ok: false, detail }, text);
});

t.test('what is not ISO 8601 with an offset is refused', async (t) => {
  const texts = [
    '',
    'now',
    '2026-11-22',
    '2026-11-22T09:30:00',
    '2026-11-22T09:30:00 +05:30',
    '2026-11-22T09:30:00+5:30',
    '2026-11-22T09:30:00+05:30:00',
    '2026-11-22T09:30:00+05:30[Asia/Kolkata]',
    '20261122T093000Z',
    '2026-W47-7T09:30:00Z',
    '26-11-22T09:30:00Z',
    '+002026-11-22T09:30:00Z',
    '2026-11-22T9:30:00Z',
    '2026-11-22T09Z',
    '1795339800000',
    ' 2026-11-22T09:30:00Z',
    '2026-11-22T09:30:00Z\n',
    '٢٠٢٦-11-22T09:30:00Z',
  ];
  for (const text of texts) t.match(parseTimestamp(text), { ok: false, detail: /ISO 8601/ }, JSON.stringify(text));
});

t.test('a number is whole milliseconds since 1970, at offset zero', async (t) => {
  t.strictSame(parseTimestamp(1_795_339_800_000), { ok: true, ts: 1_795_339_800_000, offset: 0 });
  for (const number of [1_795_339_800_000.5, Number.NaN, Number.POSITIVE_INFINITY, 1e300]) {
    t.equal(parseTimestamp(number).ok, false, String(number));
  }
});

holds(
  t,
  'any instant written at any offset is read back exactly',
  fc.property(
    fc.integer({ min: MIN_TS, max: MAX_TS - 1 }),
    fc.integer({ min: -1080, max: 1080 }),
    fc.nat({ max: 999_999 }),
    (ts, offset, nanos) => {
      const local = new Date(ts + offset * 60_000).toISOString().slice(0, -1);
      const digits = String(nanos).padStart(6, '0');
      const hours = String(Math.trunc(Math.abs(offset) / 60)).padStart(2, '0');
      const minutes = String(Math.abs(offset) % 60).padStart(2, '0');
      const read = parseTimestamp(`${local}${digits}${offset < 0 ? '-' : '+'}${hours}:${minutes}`);
      return read.ok && read.ts === ts && read.offset === offset;
    },
  ),
  { numRuns: 500 },
);

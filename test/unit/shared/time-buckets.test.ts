import t from 'tap';
import {
  buckets,
  DAY_MS,
  formatInstant,
  HOUR_MS,
  INTERVALS,
  type Interval,
  type Range,
  SLOT_MS,
  startOfLocalDate,
} from '../../../shared/time.ts';

const at = (iso: string): number => Temporal.Instant.from(iso).epochMilliseconds;
const span = (from: string, to: string): Range => ({ from: at(from), to: at(to) });
const days = (tz: string, from: string, to: string): Range => ({
  from: startOfLocalDate(from, tz),
  to: startOfLocalDate(to, tz),
});

/** Buckets as `start of the bucket in local time, its length in minutes`. */
const shown = (range: Range, interval: Interval, tz: string): string[] =>
  (buckets(range, interval, tz, 10_000) ?? []).map(
    ({ from, to }) => `${formatInstant(from, tz)} ${(to - from) / 60_000}`,
  );

t.test('in UTC hours and days are what they seem', async (t) => {
  t.strictSame(shown(span('2026-11-22T09:00Z', '2026-11-22T11:00Z'), 'hour', 'UTC'), [
    '2026-11-22T09:00:00+00:00 60',
    '2026-11-22T10:00:00+00:00 60',
  ]);
  t.strictSame(shown(span('2026-11-22T00:00Z', '2026-11-24T00:00Z'), 'day', 'UTC'), [
    '2026-11-22T00:00:00+00:00 1440',
    '2026-11-23T00:00:00+00:00 1440',
  ]);
});

t.test('the first and the last bucket are clipped to the range', async (t) => {
  t.strictSame(shown(span('2026-11-22T09:15Z', '2026-11-22T11:45Z'), 'hour', 'UTC'), [
    '2026-11-22T09:15:00+00:00 45',
    '2026-11-22T10:00:00+00:00 60',
    '2026-11-22T11:00:00+00:00 45',
  ]);
  t.strictSame(shown(span('2026-11-22T09:15Z', '2026-11-22T09:30Z'), 'month', 'UTC'), ['2026-11-22T09:15:00+00:00 15']);
});

t.test('London loses an hour on 2011-03-27', async (t) => {
  const day = days('Europe/London', '2011-03-27', '2011-03-28');
  const hours = shown(day, 'hour', 'Europe/London');
  t.equal(hours.length, 23);
  t.strictSame(hours.slice(0, 3), [
    '2011-03-27T00:00:00+00:00 60',
    '2011-03-27T02:00:00+01:00 60',
    '2011-03-27T03:00:00+01:00 60',
  ]);
  t.strictSame(shown(day, 'day', 'Europe/London'), ['2011-03-27T00:00:00+00:00 1380']);
  t.equal(shown(day, '15m', 'Europe/London').length, 92);
});

t.test('London has an hour twice on 2011-10-30', async (t) => {
  const day = days('Europe/London', '2011-10-30', '2011-10-31');
  const hours = shown(day, 'hour', 'Europe/London');
  t.equal(hours.length, 25);
  t.strictSame(hours.slice(0, 4), [
    '2011-10-30T00:00:00+01:00 60',
    '2011-10-30T01:00:00+01:00 60',
    '2011-10-30T01:00:00+00:00 60',
    '2011-10-30T02:00:00+00:00 60',
  ]);
  t.strictSame(shown(day, 'day', 'Europe/London'), ['2011-10-30T00:00:00+01:00 1500']);
});

t.test("weeks begin on Monday and months on the first, by the zone's calendar", async (t) => {
  t.strictSame(shown(days('Europe/London', '2011-03-21', '2011-04-04'), 'week', 'Europe/London'), [
    '2011-03-21T00:00:00+00:00 10020',
    '2011-03-28T00:00:00+01:00 10080',
  ]);
  t.strictSame(shown(days('Europe/London', '2011-03-30', '2011-04-05'), 'week', 'Europe/London'), [
    '2011-03-30T00:00:00+01:00 7200',
    '2011-04-04T00:00:00+01:00 1440',
  ]);
  t.strictSame(shown(days('Europe/London', '2011-02-01', '2011-05-01'), 'month', 'Europe/London'), [
    `2011-02-01T00:00:00+00:00 ${28 * 1440}`,
    `2011-03-01T00:00:00+00:00 ${31 * 1440 - 60}`,
    `2011-04-01T00:00:00+01:00 ${30 * 1440}`,
  ]);
  t.strictSame(shown(days('UTC', '2024-01-31', '2024-03-01'), 'month', 'UTC'), [
    '2024-01-31T00:00:00+00:00 1440',
    `2024-02-01T00:00:00+00:00 ${29 * 1440}`,
  ]);
});

t.test('days and hours of zones off the full hour are exact', async (t) => {
  t.strictSame(shown(days('Asia/Kolkata', '2026-11-22', '2026-11-23'), 'day', 'Asia/Kolkata'), [
    '2026-11-22T00:00:00+05:30 1440',
  ]);
  t.strictSame(shown(span('2026-11-22T04:00Z', '2026-11-22T05:30Z'), 'hour', 'Asia/Kathmandu'), [
    '2026-11-22T09:45:00+05:45 15',
    '2026-11-22T10:00:00+05:45 60',
    '2026-11-22T11:00:00+05:45 15',
  ]);
  t.strictSame(shown(days('America/St_Johns', '2026-11-22', '2026-11-23'), 'day', 'America/St_Johns'), [
    '2026-11-22T00:00:00-03:30 1440',
  ]);
});

t.test('Lord Howe shifts by half an hour: no bucket holds two local hours or two offsets', async (t) => {
  const tz = 'Australia/Lord_Howe';
  t.strictSame(shown(span('2011-04-02T13:00Z', '2011-04-02T16:30Z'), 'hour', tz), [
    '2011-04-03T00:00:00+11:00 60',
    '2011-04-03T01:00:00+11:00 60',
    '2011-04-03T01:30:00+10:30 30',
    '2011-04-03T02:00:00+10:30 60',
  ]);
  t.strictSame(shown(span('2011-10-01T14:30Z', '2011-10-01T17:00Z'), 'hour', tz), [
    '2011-10-02T01:00:00+10:30 60',
    '2011-10-02T02:30:00+11:00 30',
    '2011-10-02T03:00:00+11:00 60',
  ]);
  t.strictSame(
    shown(span('2011-04-02T15:15Z', '2011-04-02T15:45Z'), 'hour', tz),
    ['2011-04-03T01:45:00+10:30 15', '2011-04-03T02:00:00+10:30 15'],
    'also when the range begins within the shifted hour',
  );
  t.strictSame(shown(days(tz, '2011-04-03', '2011-04-04'), 'day', tz), ['2011-04-03T00:00:00+11:00 1470']);
});

t.test("Newfoundland's clock went back over midnight: days stay whole slots and do not overlap", async (t) => {
  const tz = 'America/St_Johns';
  t.strictSame(shown(days(tz, '2010-11-06', '2010-11-09'), 'day', tz), [
    '2010-11-06T00:00:00-02:30 1440',
    '2010-11-07T00:00:00-02:30 1500',
    '2010-11-08T00:00:00-03:30 1440',
  ]);
  t.strictSame(
    shown(span('2010-11-07T02:45Z', '2010-11-08T03:30Z'), 'day', tz).map((bucket) => bucket.split(' ')[1]),
    ['1485'],
    'also when the range begins in the hour that came twice',
  );
  t.strictSame(shown(span('2010-11-07T01:30Z', '2010-11-07T04:30Z'), 'hour', tz), [
    '2010-11-06T23:00:00-02:30 60',
    '2010-11-07T00:00:00-02:30 60',
    '2010-11-07T00:00:00-03:30 60',
  ]);
});

t.test('Samoa leapt over 2011-12-30: the day has no bucket', async (t) => {
  t.strictSame(shown(days('Pacific/Apia', '2011-12-28', '2012-01-02'), 'day', 'Pacific/Apia'), [
    '2011-12-28T00:00:00-10:00 1440',
    '2011-12-29T00:00:00-10:00 1440',
    '2011-12-31T00:00:00+14:00 1440',
    '2012-01-01T00:00:00+14:00 1440',
  ]);
});

t.test('a day without a midnight begins at one', async (t) => {
  t.strictSame(shown(days('America/Sao_Paulo', '2018-11-03', '2018-11-06'), 'day', 'America/Sao_Paulo'), [
    '2018-11-03T00:00:00-03:00 1440',
    '2018-11-04T01:00:00-02:00 1380',
    '2018-11-05T00:00:00-02:00 1440',
  ]);
  t.strictSame(shown(days('Asia/Beirut', '2018-03-24', '2018-03-27'), 'day', 'Asia/Beirut'), [
    '2018-03-24T00:00:00+02:00 1440',
    '2018-03-25T01:00:00+03:00 1380',
    '2018-03-26T00:00:00+03:00 1440',
  ]);
});

t.test('the total is the range', async (t) => {
  const range = span('2011-01-01T00:00Z', '2011-12-31T00:15Z');
  t.strictSame(buckets(range, 'total', 'Asia/Kolkata', 1), [range]);
});

t.test('an empty range has no buckets', async (t) => {
  for (const interval of INTERVALS) {
    t.strictSame(buckets({ from: 0, to: 0 }, interval, 'UTC', 10), []);
    t.strictSame(buckets({ from: SLOT_MS, to: 0 }, interval, 'UTC', 10), []);
  }
});

t.test('more buckets than the caller takes give null, exactly as many do not', async (t) => {
  const range = { from: 0, to: 10 * HOUR_MS };
  t.equal(buckets(range, 'hour', 'UTC', 9), null);
  t.equal(buckets(range, 'hour', 'UTC', 10)?.length, 10);
  t.equal(buckets({ from: 0, to: 1e6 * DAY_MS }, '15m', 'UTC', 10_000), null, 'whatever the length of the range');
});

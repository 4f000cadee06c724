import t from 'tap';
import { type Compare, comparedRange, counterpartsOf } from '../../../../../collector/api/query/compare.ts';
import { runToEnd } from '../../../../../shared/cooperative.ts';
import { buckets, formatInstant, type Interval, startOfLocalDate } from '../../../../../shared/time.ts';

const london = 'Europe/London';
const at = (text: string, tz: string): number =>
  text.length === 10 ? startOfLocalDate(text, tz) : Temporal.ZonedDateTime.from(`${text}[${tz}]`).epochMilliseconds;

/** The compared range, and each asked point's start beside its counterpart's, in local time. */
function compared(compare: Compare, interval: Interval, from: string, to: string, tz = london) {
  const range = { from: at(from, tz), to: at(to, tz) };
  const period = { range, tz };
  const before = comparedRange(period, compare, interval);
  const [asked, found] = [range, before].map((of) => buckets(of, interval, tz, 10_000)!.map(({ from }) => from));
  const counterparts = runToEnd(counterpartsOf(period, before, compare, interval, asked!, found!));
  const local = (ms: number): string => formatInstant(ms, tz).slice(0, 16);
  return {
    range: [local(before.from), local(before.to)],
    pairs: counterparts.map((index, i) => [local(asked![i]!), index === null ? null : local(found![index]!)]),
  };
}

t.test('whole months are compared with as many whole months before them', async (t) => {
  const march = compared('previous_period', 'day', '2011-03-01', '2011-04-01');
  t.same(march.range, ['2011-02-01T00:00', '2011-03-01T00:00']);
  t.equal(march.pairs.length, 31);
  t.same(march.pairs[0], ['2011-03-01T00:00', '2011-02-01T00:00']);
  t.same(march.pairs[27], ['2011-03-28T00:00', '2011-02-28T00:00']);
  t.same(
    march.pairs.slice(28).map(([, before]) => before),
    [null, null, null],
    '29 to 31 March have no counterpart',
  );
  t.same(compared('previous_period', 'total', '2011-02-01', '2011-03-01').range, [
    '2011-01-01T00:00',
    '2011-02-01T00:00',
  ]);
  t.same(compared('previous_period', 'month', '2011-04-01', '2011-07-01').range, [
    '2011-01-01T00:00',
    '2011-04-01T00:00',
  ]);
  t.same(compared('previous_period', 'total', '2012-01-01', '2013-01-01').range, [
    '2011-01-01T00:00',
    '2012-01-01T00:00',
  ]);
});

t.test('whole local days are compared with as many days before them', async (t) => {
  t.same(compared('previous_period', 'day', '2011-03-27', '2011-03-29').range, [
    '2011-03-25T00:00',
    '2011-03-27T00:00',
  ]);
  t.same(compared('previous_period', 'week', '2011-03-07', '2011-03-21').pairs, [
    ['2011-03-07T00:00', '2011-02-21T00:00'],
    ['2011-03-14T00:00', '2011-02-28T00:00'],
  ]);
});

t.test('a range that ends within a day is compared with the same local times', async (t) => {
  const times = (from: string, to: string) => compared('previous_period', 'hour', from, to).range;
  t.same(times('2011-03-25', '2011-03-25T15:30'), ['2011-03-24T00:00', '2011-03-24T15:30']);
  t.same(times('2011-03-25T14:00', '2011-03-25T16:00'), ['2011-03-24T14:00', '2011-03-24T16:00']);
  t.same(times('2011-03-25T22:00', '2011-03-26T02:00'), ['2011-03-23T22:00', '2011-03-24T02:00']);
  t.same(times('2011-03-01', '2011-03-15T12:00'), ['2011-02-14T00:00', '2011-02-28T12:00']);
  t.same(times('2011-03-27T09:00', '2011-03-27T12:00'), ['2011-03-26T09:00', '2011-03-26T12:00'], 'a day of 23 hours');
});

t.test('hours stand beside the same local hour, whatever the clock does', async (t) => {
  const spring = compared('previous_period', 'hour', '2011-03-28', '2011-03-29');
  t.equal(spring.pairs.length, 24);
  t.same(spring.pairs[1], ['2011-03-28T01:00', null], 'the day before had no 01:00');
  t.same(spring.pairs[2], ['2011-03-28T02:00', '2011-03-27T02:00']);
  const autumn = compared('previous_period', 'hour', '2011-10-30', '2011-10-31');
  t.same(autumn.pairs.slice(0, 4), [
    ['2011-10-30T00:00', '2011-10-29T00:00'],
    ['2011-10-30T01:00', '2011-10-29T01:00'],
    ['2011-10-30T01:00', null],
    ['2011-10-30T02:00', '2011-10-29T02:00'],
  ]);
});

t.test('a day that begins at 01:00 stands beside days that begin at midnight', async (t) => {
  const cairo = compared('previous_period', 'day', '2026-04-24', '2026-05-01', 'Africa/Cairo');
  t.same(cairo.pairs.slice(0, 2), [
    ['2026-04-24T01:00', '2026-04-17T00:00'],
    ['2026-04-25T00:00', '2026-04-18T00:00'],
  ]);
  const after = compared('previous_period', 'day', '2026-05-01', '2026-05-08', 'Africa/Cairo');
  t.same(after.pairs[0], ['2026-05-01T00:00', '2026-04-24T01:00']);
});

t.test('the previous year has the same local dates, and by week the same days of the week', async (t) => {
  const leap = compared('previous_year', 'day', '2012-02-27', '2012-03-03');
  t.same(leap.range, ['2011-02-27T00:00', '2011-03-03T00:00']);
  t.same(leap.pairs, [
    ['2012-02-27T00:00', '2011-02-27T00:00'],
    ['2012-02-28T00:00', '2011-02-28T00:00'],
    ['2012-02-29T00:00', '2011-02-28T00:00'],
    ['2012-03-01T00:00', '2011-03-01T00:00'],
    ['2012-03-02T00:00', '2011-03-02T00:00'],
  ]);
  const weeks = compared('previous_year', 'week', '2012-02-27', '2012-03-12');
  t.same(weeks.pairs, [
    ['2012-02-27T00:00', '2011-02-28T00:00'],
    ['2012-03-05T00:00', '2011-03-07T00:00'],
  ]);
  t.same(compared('previous_year', 'hour', '2012-02-29T06:00', '2012-02-29T07:00').pairs, [
    ['2012-02-29T06:00', '2011-02-28T06:00'],
  ]);
});

import t from 'tap';
import { chartPoints } from '../../../../agent/monitoring/chart-points.ts';
import { type HistorySample, SampleHistory } from '../../../../agent/monitoring/sample-history.ts';
import { hoursUntilFull } from '../../../../agent/monitoring/time-to-full.ts';
import type { BufferStats } from '../../../../agent/port/buffer-reader.ts';
import { DAY_MS, MINUTE_MS } from '../../../../shared/time.ts';
import { NOW } from '../../../support/agent/events.ts';

const sample = (minute: number, accepted: number, pending: number): HistorySample => ({
  at: NOW + minute * MINUTE_MS,
  elapsed: minute * MINUTE_MS,
  accepted,
  pending,
  bytes: 0,
});

/** A sample a minute. */
function historyOf(
  minutes: number,
  accepted: (minute: number) => number,
  pending: (minute: number) => number,
): SampleHistory {
  const history = new SampleHistory();
  for (let minute = 0; minute < minutes; minute++) history.add(sample(minute, accepted(minute), pending(minute)));
  return history;
}

t.test('a day is kept, the oldest minute goes first', async (t) => {
  const history = historyOf(
    1_500,
    (minute) => minute,
    () => 0,
  );
  const samples = history.samples();
  t.equal(samples.length, 1_440);
  t.equal(samples[0]!.elapsed, 60 * MINUTE_MS);
  t.equal(samples.at(-1)!.elapsed, 1_499 * MINUTE_MS);
});

t.test('the sample before a time is the newest that is old enough, else the oldest', async (t) => {
  t.equal(new SampleHistory().before(0), null);
  const history = historyOf(
    1_500,
    (minute) => minute,
    () => 0,
  );
  t.equal(history.before(100.5 * MINUTE_MS)!.accepted, 100);
  t.equal(history.before(0)!.accepted, 60);
  t.equal(history.before(DAY_MS * 9)!.accepted, 1_499);
});

const MIB = 1024 ** 2;
/** 1,000 events that take a MiB. */
const held = {
  pending: 600,
  acked: 400,
  quarantined: 0,
  usedBytes: MIB,
  fileBytes: MIB,
  walBytes: 0,
} satisfies Partial<BufferStats>;
const room = { maxBytes: 11 * MIB, diskBytes: 100 * MIB };

t.test('while nothing is shipped, all that is accepted fills the buffer; acked events make room first', async (t) => {
  const history = historyOf(
    60,
    (minute) => minute * 10,
    () => 0,
  );
  const hours = hoursUntilFull(history, sample(60, 600, 600), held, room, false);
  // 10 MiB are free and 0.4 MiB can be evicted; an hour brings 600 events of a thousandth MiB.
  t.ok(Math.abs(hours! - 10.4 / 0.6) < 1e-9);
});

t.test('the disk may be the narrower place', async (t) => {
  const history = historyOf(
    60,
    (minute) => minute * 10,
    () => 0,
  );
  const hours = hoursUntilFull(history, sample(60, 600, 600), held, { ...room, diskBytes: 2 * MIB }, false);
  t.ok(Math.abs(hours! - 2.4 / 0.6) < 1e-9);
});

t.test('while something is shipped, only what waits longer and longer fills it', async (t) => {
  const steady = historyOf(
    60,
    (minute) => minute * 10,
    () => 5,
  );
  t.equal(hoursUntilFull(steady, sample(60, 600, 5), held, room, true), null);
  const growing = historyOf(
    60,
    (minute) => minute * 10,
    (minute) => minute * 5,
  );
  const hours = hoursUntilFull(growing, sample(60, 600, 300), held, room, true);
  t.ok(Math.abs(hours! - 10.4 / 0.3) < 1e-9);
});

t.test('nothing is said before the rate is known, nor without sales', async (t) => {
  t.equal(hoursUntilFull(new SampleHistory(), sample(0, 0, 0), held, room, false), null);
  const young = historyOf(
    4,
    (minute) => minute,
    () => 0,
  );
  t.equal(hoursUntilFull(young, sample(4, 4, 4), held, room, false), null);
  const closed = historyOf(
    60,
    () => 7,
    () => 7,
  );
  t.equal(hoursUntilFull(closed, sample(60, 7, 7), held, room, false), null);
});

t.test('a full buffer is full now', async (t) => {
  const history = historyOf(
    60,
    (minute) => minute * 10,
    () => 0,
  );
  const full = { ...held, acked: 0, pending: 1_000 };
  t.equal(hoursUntilFull(history, sample(60, 600, 600), full, { maxBytes: MIB, diskBytes: 0 }, false), 0);
});

t.test('a chart has a point a minute, or ten of them in one', async (t) => {
  t.same(chartPoints([], null), []);
  const fresh = historyOf(
    3,
    (minute) => minute * 2,
    (minute) => minute,
  ).samples();
  t.strictSame(chartPoints(fresh, sample(3, 7, 1)), [
    { minutesAgo: 3, pending: 0, taken: 2 },
    { minutesAgo: 2, pending: 1, taken: 2 },
    { minutesAgo: 1, pending: 2, taken: 3 },
    { minutesAgo: 0, pending: 1, taken: 0 },
  ]);
  const day = historyOf(
    1_440,
    (minute) => minute,
    (minute) => minute % 10,
  ).samples();
  const points = chartPoints(day, sample(1_440, 1_440, 0));
  t.equal(points.length, 145);
  t.strictSame(points[0], { minutesAgo: 24 * 60, pending: 9, taken: 10 });
  t.equal(
    points.reduce((sum, { taken }) => sum + taken, 0),
    1_440,
    'no event is left out',
  );
});

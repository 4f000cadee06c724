import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { TimeBuckets } from '../../../../../collector/api/figures/time-buckets.ts';
import { runToEnd } from '../../../../../shared/cooperative.ts';
import { buckets, DAY_MS, formatInstant, INTERVALS, SLOT_MS, slotOf } from '../../../../../shared/time.ts';
import { holds } from '../../../../support/shared/property.ts';

const START = Date.UTC(2026, 2, 20);

holds(
  t,
  'a slot belongs to the bucket that contains it, in whatever order slots are asked for',
  fc.property(
    fc.constantFrom(...INTERVALS),
    fc.constantFrom('UTC', 'Asia/Kolkata', 'Europe/London', 'Australia/Lord_Howe'),
    fc.integer({ min: 1, max: 2_000 }),
    fc.array(fc.integer({ min: -5, max: 2_005 }), { maxLength: 50 }),
    (interval, tz, slots, asked) => {
      const range = { from: START, to: START + slots * SLOT_MS };
      const found = runToEnd(TimeBuckets.of(range, interval, tz));
      const expected = buckets(range, interval, tz, 10_000)!;
      assert.deepEqual(
        found.labels,
        expected.map(({ from }) => formatInstant(from, tz)),
      );
      for (const at of asked) {
        const slot = slotOf(START) + at;
        const index = expected.findIndex(({ from, to }) => slot * SLOT_MS >= from && slot * SLOT_MS < to);
        assert.equal(found.indexOf(slot), index < 0 ? null : index);
        assert.equal(found.endedBy(slot), expected.filter(({ to }) => to <= slot * SLOT_MS).length);
      }
      return true;
    },
  ),
  { numRuns: 100 },
);

t.test('a total takes as little memory for a century as for a day', async (t) => {
  const century = { from: Date.UTC(2000, 0), to: Date.UTC(2100, 0) };
  const before = process.memoryUsage().arrayBuffers;
  const all = Array.from({ length: 100 }, () => runToEnd(TimeBuckets.of(century, 'total', 'UTC')));
  t.equal(all[99]!.length, 1);
  t.equal(all[99]!.indexOf(slotOf(century.to) - 1), 0);
  t.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
});

t.test('labels are made in slices, and more than 10,000 are refused in words', async (t) => {
  const task = TimeBuckets.of({ from: START, to: START + 100 * DAY_MS }, '15m', 'UTC');
  t.ok([...task].length >= 100);
  t.throws(() => runToEnd(TimeBuckets.of({ from: START, to: START + 105 * DAY_MS }, '15m', 'UTC')), {
    status: 400,
    message: /interval gives more than 10000 points: ask for a shorter range or a longer interval/,
  });
});

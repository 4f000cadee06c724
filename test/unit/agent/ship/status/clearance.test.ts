import t from 'tap';
import { clearThrough } from '../../../../../agent/ship/status/clearance.ts';

const facts = { oldestPending: null, oldestRequest: null, now: 10_000_000, collectorNow: 10_000_000 };

t.test('with nothing pending it is a minute ago by the slower clock', async (t) => {
  t.equal(clearThrough(facts), 9_940_000);
  t.equal(clearThrough({ ...facts, collectorNow: 9_500_000 }), 9_440_000);
  t.equal(clearThrough({ ...facts, collectorNow: 10_500_000 }), 9_940_000);
});

t.test('the oldest pending hour and the oldest uncommitted request hold it back', async (t) => {
  t.equal(clearThrough({ ...facts, oldestPending: 3_600_000 }), 3_600_000, 'nothing before that hour is pending');
  t.equal(clearThrough({ ...facts, oldestRequest: 5_000_000 }), 4_940_000);
  t.equal(clearThrough({ ...facts, oldestPending: 7_200_000, oldestRequest: 5_000_000 }), 4_940_000);
  t.equal(clearThrough({ ...facts, oldestPending: 9_990_000 }), 9_940_000);
});

t.test('it says nothing while the collector’s clock is not known, and is never negative', async (t) => {
  t.equal(clearThrough({ ...facts, collectorNow: null }), 0);
  t.equal(clearThrough({ ...facts, oldestPending: 0 }), 0);
});

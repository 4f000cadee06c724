import t from 'tap';
import { CollectorClock } from '../../../../../agent/ship/status/collector-time.ts';
import { NOW } from '../../../../support/agent/events.ts';

t.test(
  'the collector’s clock showed what it told at half the way there and back, give or take that half',
  async (t) => {
    const time = new CollectorClock();
    t.equal(time.measure(0), null);
    t.equal(time.now(0), null);
    t.equal(time.offsetFrom(NOW, 0), null);
    time.addSample(NOW, 1_000, 1_200);
    t.same(time.measure(1_200), { trueTimeOrigin: NOW - 1_100, uncertaintyMs: 101 });
    t.equal(time.now(2_100), NOW + 1_000);
    t.equal(time.offsetFrom(NOW - 5_000, 2_100), 6_000);
  },
);

t.test('a worse measure does not replace a better one, until that has aged', async (t) => {
  const time = new CollectorClock();
  time.addSample(NOW, 0, 10);
  time.addSample(NOW + 1_050, 1_000, 1_200);
  t.equal(time.measure(1_200)!.trueTimeOrigin, NOW - 5, 'kept');
  time.addSample(NOW + 1_002, 1_000, 1_004);
  t.equal(time.measure(1_004)!.trueTimeOrigin, NOW, 'a better one');
  const later = 900_000;
  t.equal(time.measure(1_004 + later)!.uncertaintyMs, 3 + later * 500e-6);
  time.addSample(NOW + later + 1_230, later + 1_000, later + 1_400);
  t.equal(time.measure(later + 1_400)!.trueTimeOrigin, NOW + 30, 'the old one is less certain by now');
});

t.test('one that cannot both be true replaces it: a suspend stopped the monotonic clock', async (t) => {
  const time = new CollectorClock();
  time.addSample(NOW, 0, 10);
  time.addSample(NOW + 3_600_000, 1_000, 1_300);
  t.equal(time.measure(1_300)!.trueTimeOrigin, NOW + 3_600_000 - 1_150);
});

t.test('what no clock shows is not believed', async (t) => {
  const time = new CollectorClock();
  for (const told of [0, -1, Number.NaN, Number.MAX_SAFE_INTEGER, Date.UTC(2100, 0, 1)]) time.addSample(told, 0, 1);
  t.equal(time.measure(1), null);
});

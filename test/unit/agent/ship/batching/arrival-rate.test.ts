import t from 'tap';
import { ArrivalRate } from '../../../../../agent/ship/batching/arrival-rate.ts';

/** Arrivals at an even rate for so long. */
function busy(aSecond: number, seconds: number): { arrivals: ArrivalRate; now: number } {
  const arrivals = new ArrivalRate();
  let now = 0;
  for (let at = 0; at < aSecond * seconds; at++) {
    now = (at * 1_000) / aSecond;
    arrivals.note(now);
  }
  return { arrivals, now };
}

t.test('an idle till’s sale waits for nobody', async (t) => {
  const arrivals = new ArrivalRate();
  arrivals.note(0);
  t.equal(arrivals.lingerMs(50, 0), 0);
  for (const aSecond of [1, 10]) {
    const { arrivals, now } = busy(aSecond, 20);
    t.equal(arrivals.lingerMs(50, now), 0, `${aSecond} a second`);
  }
});

t.test('the busier it is the longer one waits, and never longer than allowed', async (t) => {
  const waits = [30, 100, 300, 1_000, 10_000].map((aSecond) => {
    const { arrivals, now } = busy(aSecond, 20);
    return arrivals.lingerMs(50, now);
  });
  t.same(
    [...waits].sort((a, b) => a - b),
    waits,
  );
  t.ok(waits[0]! > 10 && waits[0]! < 25, `${waits[0]} ms at 30 a second`);
  t.ok(waits.at(-1)! > 49 && waits.at(-1)! <= 50, `${waits.at(-1)} ms at 10,000 a second`);
});

t.test('a rush is forgotten within seconds', async (t) => {
  const { arrivals, now } = busy(300, 10);
  t.ok(arrivals.lingerMs(50, now) > 40);
  t.equal(arrivals.lingerMs(50, now + 10_000), 0);
});

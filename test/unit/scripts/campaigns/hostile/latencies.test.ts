/** What the honest users of the campaign `hostile` measure. */
import t from 'tap';
import { Latencies } from '../../../../../scripts/campaigns/hostile/honest/latencies.ts';

function at(everyMs?: number) {
  let now = 0;
  const latencies = new Latencies(() => now, everyMs);
  return {
    latencies,
    wait: (ms: number) => {
      now += ms;
    },
  };
}

t.test('what nobody has answered counts with its time so far', async (t) => {
  const { latencies, wait } = at();
  latencies.begin();
  wait(5_000);
  t.equal(latencies.oldestWaitMs, 5_000);
  t.match(latencies.take(), { count: 1, failures: 0, p99: 5_000, max: 5_000 });
});

t.test('what is answered late counts in the measurement in which it is answered', async (t) => {
  const { latencies, wait } = at();
  const answered = latencies.begin();
  wait(100);
  latencies.take();
  wait(100);
  answered('answered');
  answered('answered');
  t.match(latencies.take(), { count: 1, p50: 200 });
  t.match(latencies.take(), { count: 0, p50: null, p99: null, max: null });
});

t.test('one hiccup is in the maximum and not in the p99, a pause is in both', async (t) => {
  const { latencies, wait } = at();
  for (const ms of [1, 1, 1, 400]) {
    const answered = latencies.begin();
    wait(ms);
    answered('answered');
  }
  t.match(latencies.take(), { p50: 1, p99: 1, max: 400 });
  const paused = Array.from({ length: 5 }, () => latencies.begin());
  wait(1_000);
  for (const answered of paused) answered('failed');
  t.match(latencies.take(), { failures: 5, p50: 1_000, p99: 1_000 });
});

t.test('who waits for an answer before he asks again has waited for those he did not ask, too', async (t) => {
  const { latencies, wait } = at(1_000);
  const answered = latencies.begin();
  wait(10_500);
  answered('answered');
  t.match(latencies.take(), { count: 11, p50: 5_500, p99: 9_500, max: 10_500 });
});

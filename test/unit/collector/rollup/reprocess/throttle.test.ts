import t from 'tap';
import { Throttle } from '../../../../../collector/rollup/reprocess/throttle.ts';

/** Work of 50 ms between two pauses, beside commits of some latency. */
function working() {
  const state = { now: 0, latency: 5 as number | null, rested: 0, readings: 0 };
  const throttle = new Throttle({
    latency: async () => {
      state.readings++;
      return state.latency;
    },
    clock: () => state.now,
    wait: async (ms) => {
      state.now += ms;
      state.rested += ms;
    },
  });
  const work = async (pieces: number): Promise<number> => {
    const before = state.rested;
    for (let piece = 0; piece < pieces; piece++) {
      await throttle.pause();
      state.now += 50;
    }
    return state.rested - before;
  };
  return { state, throttle, work };
}

t.test('beside quiet commits, or none, it never rests', async (t) => {
  const { state, work } = working();
  t.equal(await work(200), 0);
  t.ok(state.readings >= 9 && state.readings <= 12, `${state.readings} readings in ten seconds`);
  state.latency = 19;
  t.equal(await work(200), 0, 'below twice what counts as quiet');
  state.latency = null;
  t.equal(await work(200), 0);
});

t.test('it rests more and more while commits take more than twice as long as before', async (t) => {
  const { state, throttle, work } = working();
  state.latency = 30;
  await work(21);
  state.latency = 200;
  await work(20);
  t.equal(throttle.factor, 1);
  await work(11);
  t.equal(throttle.factor, 2);
  await work(20);
  t.equal(throttle.factor, 32, 'and no more than that');
  state.latency = 30;
  await work(200);
  t.equal(throttle.factor, 0);
  t.equal(await work(20), 0);
});

t.test('what stays slow while it hardly works is not its doing', async (t) => {
  const { state, throttle, work } = working();
  state.latency = 15;
  await throttle.pause();
  state.latency = 100;
  await work(60);
  t.equal(throttle.factor, 32);
  await work(200);
  t.equal(throttle.factor, 0);
});

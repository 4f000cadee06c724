import t from 'tap';
import { ClockWatch } from '../../../../collector/app/clock-watch.ts';
import { StoreUnavailable } from '../../../../collector/store/tables.ts';

/** A watch over a clock that is ahead by `ahead`, once it was compared. */
function watching() {
  const state = { clock: 0, ahead: 0, comparedAt: null as number | null, comparisons: 0, answers: true };
  const told: string[] = [];
  const seconds: number[] = [];
  const watch = new ClockWatch({
    storeClock: {
      async compare() {
        state.comparisons++;
        if (!state.answers) throw new StoreUnavailable('away');
        state.comparedAt = state.clock;
      },
      get comparedAt() {
        return state.comparedAt;
      },
      ahead: () => (state.comparedAt === null ? null : state.ahead),
      problem: () => (state.comparedAt !== null && Math.abs(state.ahead) <= 5_000 ? null : `apart: ${state.ahead}`),
    },
    clock: () => state.clock,
    metrics: { clockAhead: (by) => seconds.push(by) },
    log: {
      error: (_fields: object, message: string) => void told.push(message),
      info: (message: string) => void told.push(message),
    },
  });
  /** Ticks each second. */
  const wait = async (by: number): Promise<void> => {
    for (const end = state.clock + by; state.clock < end; state.clock += 1_000) await watch.tick();
  };
  return { state, watch, told, seconds, wait };
}

t.test('nothing is compared before the store is open', async (t) => {
  const { state, watch, wait, told } = watching();
  await wait(300_000);
  t.equal(state.comparisons, 0);
  t.match(watch.problem(), /apart/);
  t.same(told, []);
});

t.test('clocks in step are compared each minute, and the difference is a metric', async (t) => {
  const { state, watch, wait, told, seconds } = watching();
  state.ahead = 120;
  await watch.compare();
  await wait(600_000);
  t.equal(state.comparisons, 10);
  t.ok(seconds.every((by) => by === 0.12));
  t.same(told, []);
});

t.test('a clock that is set is told once, compared often, and told when it is right again', async (t) => {
  const { state, watch, wait, told } = watching();
  await watch.compare();
  state.ahead = -10_000;
  await wait(60_000);
  t.same(told, ['apart: -10000']);
  t.ok(state.comparisons > 10, String(state.comparisons));
  state.ahead = 0;
  await wait(2_000);
  t.match(told, ['apart: -10000', /in step again/]);
});

t.test('a store that is away at the opening is told, later it is asked again', async (t) => {
  const { state, watch, wait } = watching();
  state.answers = false;
  await t.rejects(watch.compare(), StoreUnavailable);
  state.answers = true;
  await watch.compare();
  state.answers = false;
  await wait(90_000);
  t.equal(watch.problem(), null, 'what was compared before holds');
  state.answers = true;
  await wait(2_000);
  t.equal(state.comparedAt, state.clock - 2_000);
});

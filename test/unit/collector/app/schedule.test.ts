import t from 'tap';
import { Schedule, scheduled } from '../../../../collector/app/schedule.ts';
import { DAY_MS, MINUTE_MS } from '../../../../shared/time.ts';

const START = Date.UTC(2026, 10, 30);

/** Each minute, with a clock that can be set. */
function minutely() {
  const state = { now: START + 1, runs: [] as number[], waiting: null as { then: () => void; ms: number } | null };
  let asked = 0;
  const schedule = new Schedule({
    run: () => void state.runs.push(state.now - START),
    now: () => state.now,
    next: () => {
      asked++;
      return (Math.floor(state.now / MINUTE_MS) + 1) * MINUTE_MS;
    },
    wait(then, ms) {
      state.waiting = { then, ms };
      return () => {
        state.waiting = null;
      };
    },
  });
  /** Time passes, to the end of the wait after `ms` at the earliest. */
  const pass = (ms: number): void => {
    for (let left = ms; left > 0 && state.waiting !== null; ) {
      const { then, ms: waited } = state.waiting;
      state.now += waited;
      left -= Math.max(1, waited);
      then();
    }
  };
  return { state, schedule, pass, asked: () => asked };
}

t.test('it runs once at each time', (t) => {
  const { state, pass } = minutely();
  pass(3 * MINUTE_MS);
  t.same(
    state.runs,
    [1, 2, 3].map((minute) => minute * MINUTE_MS),
  );
  t.end();
});

for (const [name, by] of Object.entries({
  'a year': -365 * DAY_MS,
  '450 days': -450 * DAY_MS,
  'an hour': -3_600_000,
})) {
  t.test(`after the clock was set back by ${name} it goes on within the minute`, (t) => {
    const { state, pass } = minutely();
    pass(MINUTE_MS);
    state.now += by;
    pass(2 * MINUTE_MS);
    t.ok(state.runs.length >= 2, JSON.stringify(state.runs));
    t.ok(state.runs.slice(1).every((at) => at < 0));
    t.end();
  });

  t.test(`after the clock was set ahead by ${name} it runs once for what was passed over`, (t) => {
    const { state, pass, asked } = minutely();
    pass(MINUTE_MS);
    state.now -= by;
    const before = asked();
    pass(2 * MINUTE_MS);
    t.ok(state.runs.length <= 4, JSON.stringify(state.runs));
    t.ok(asked() - before < 20);
    t.end();
  });
}

t.test('it stops, also from its own run', (t) => {
  const { state, schedule, pass } = minutely();
  pass(MINUTE_MS);
  schedule.stop();
  pass(10 * MINUTE_MS);
  t.equal(state.runs.length, 1);
  t.end();
});

t.test('a cron expression of each second runs by the real clock', async (t) => {
  let runs = 0;
  const two = Promise.withResolvers<void>();
  const schedule = scheduled('* * * * * *', () => {
    if (++runs === 2) two.resolve();
  });
  await two.promise;
  schedule.stop();
  t.equal(runs, 2);
});

import t from 'tap';
import { type Cooperative, runCooperatively, runToEnd, Slices } from '../../../shared/cooperative.ts';

/** What `cooperative.ts` gives a slice. */
const SLICE_MS = 5;

/** Works for so many milliseconds, a turn after each. */
function* busy(ms: number, onStep: () => void = () => undefined): Cooperative<string> {
  for (let step = 0; step < ms; step++) {
    onStep();
    for (const until = performance.now() + 1; performance.now() < until; );
    yield;
  }
  return 'done';
}

/** Counts the turns of the event loop. */
function turns() {
  const counted = { count: 0, stop: () => clearImmediate(next) };
  const count = (): void => {
    counted.count++;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  return counted;
}

t.test('a short task takes no turn, a long one several', async (t) => {
  const loop = turns();
  // A busy machine may take the processor away for more than a slice: such a run was no short task.
  for (;;) {
    const [began, before] = [performance.now(), loop.count];
    t.equal(await runCooperatively(busy(1)), 'done');
    if (performance.now() - began >= SLICE_MS) continue;
    t.equal(loop.count, before);
    break;
  }
  t.equal(await runCooperatively(busy(60)), 'done');
  t.ok(loop.count >= 3, `${loop.count} turns`);
  loop.stop();
  t.equal(runToEnd(busy(1)), 'done');
});

t.test('however many tasks wait, one slice of them runs between two turns of the event loop', async (t) => {
  const loop = turns();
  /** Tasks that worked in a turn, after the one in which all of them began. */
  const workers = new Map<number, Set<number>>();
  const began = loop.count;
  const tasks = [0, 1, 2, 3, 4].map((task) =>
    runCooperatively(
      busy(30, () => {
        if (loop.count === began) return;
        workers.set(loop.count, (workers.get(loop.count) ?? new Set()).add(task));
      }),
    ),
  );
  await Promise.all(tasks);
  loop.stop();
  t.ok(workers.size >= 5, `${workers.size} turns`);
  t.same([...workers.values()].filter(({ size }) => size > 1).length, 0);
});

t.test('short tasks of one job share its slices', async (t) => {
  const loop = turns();
  const slices = new Slices();
  for (let task = 0; task < 60; task++) {
    await slices.run(busy(1));
    await slices.pause();
  }
  t.ok(loop.count >= 3, `${loop.count} turns`);
  loop.stop();
});

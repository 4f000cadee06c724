/**
 * A runner that is frozen in the middle of a run, overtaken and thawed; `npm run campaign --
 * frozen-runner` does it again and again, on HBase too.
 */
import { join } from 'node:path';
import t from 'tap';
import { frozenRunner } from '../../../scripts/campaigns/frozen-runner/frozen-runner.ts';

// It mostly waits: for the next minute, and until a lease has run out.
t.setTimeout(400_000);

t.test('nothing that a frozen runner had read is published', async (t) => {
  const folder = t.testdir();
  const store = { kind: 'sqlite', path: join(folder, 'store.db') } as const;
  const { figures, faults } = await frozenRunner(folder, { store, freezes: 1 }, () => undefined);
  t.comment(JSON.stringify(figures));
  t.same(faults, []);
  t.equal(figures.overtaken, 1);
  t.ok(figures.answers > 0);
});

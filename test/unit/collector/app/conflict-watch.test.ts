import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type NewConflicts, watchConflicts } from '../../../../collector/app/conflict-watch.ts';
import type { RunnerOptions } from '../../../../collector/rollup/passes/runner.ts';
import { openSqliteTables } from '../../../../collector/store/sqlite/sqlite-tables.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { HOUR } from '../../../support/collector/till-events.ts';
import { Region } from '../../../support/region/region.ts';
import { salesIn } from '../../../support/region/sales.ts';
import { TwoLogics } from '../../../support/region/two-logics.ts';

/** A merchant whose hour has ended, and what the watch says of its passes. */
async function watched(t: Test) {
  const tables = await openSqliteTables({ path: join(t.testdir(), 'store.db') });
  t.teardown(() => tables.close());
  await tables.init();
  const region = new Region(tables);
  region.now = (HOUR + 2) * HOUR_MS;
  const found: NewConflicts[] = [];
  const rollups = watchConflicts(region.rollups, (one) => found.push(one));
  const pass = async (options: Partial<RunnerOptions> = {}) => {
    region.now += 60_000;
    await region.runner({ rollups, ...options }).runDue();
    return found.splice(0);
  };
  return { region, pass };
}

t.test('hours without conflicts are not mentioned', async (t) => {
  const { region, pass } = await watched(t);
  await region.deliver(region.events('a', 1, salesIn(HOUR, [1, 2])), region.events('a', 1, salesIn(HOUR, [1])));
  t.same(await pass(), []);
  t.equal(await region.revision('hour', HOUR), 1);
});

t.test('new conflicts of an hour are told once, with their terminals alone', async (t) => {
  const { region, pass } = await watched(t);
  const { merchant } = region;
  for (const terminal of ['a', 'b', 'c']) await region.deliver(region.events(terminal, 1, salesIn(HOUR, [1, 2, 3])));
  await region.deliver(region.events('b', 1, salesIn(HOUR, [7, 8])));
  t.same(await pass(), [{ merchant, hour: HOUR, conflicts: 2, terminals: ['b'] }]);
  await region.deliver(region.events('a', 4, salesIn(HOUR, [4])), region.events('b', 4, salesIn(HOUR, [4])));
  t.same(await pass(), [], 'they are known');
  await region.deliver(region.events('c', 3, salesIn(HOUR, [9])), region.events('b', 3, salesIn(HOUR, [9])));
  t.same(await pass(), [{ merchant, hour: HOUR, conflicts: 2, terminals: ['b', 'c'] }]);
});

t.test('conflicts are told once, however many logic versions have a row of the hour', async (t) => {
  const { region, pass } = await watched(t);
  const logics = new TwoLogics();
  const { merchant } = region;
  await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('a', 1, salesIn(HOUR, [7])));
  t.same(await pass({ logics }), [{ merchant, hour: HOUR, conflicts: 1, terminals: ['a'] }]);
  logics.addFixed();
  await region.deliver(region.events('a', 2, salesIn(HOUR, [2])));
  t.same(await pass({ logics }), [], 'the first row of another version has nothing new');
  await region.deliver(region.events('a', 2, salesIn(HOUR, [9])));
  t.same(await pass({ logics }), [{ merchant, hour: HOUR, conflicts: 1, terminals: ['a'] }]);
});

/**
 * A runner that is frozen in the middle of a run and thawed; `npm run campaign -- frozen-runner` is
 * the long one. Both stores at once, since it mostly waits.
 */
import { join } from 'node:path';
import t from 'tap';
import { frozenRunner } from '../../../scripts/campaigns/frozen-runner/frozen-runner.ts';
import { sharedHBase } from '../../support/real/hbase.ts';

const FREEZES = 2;

const hbase = await sharedHBase(t);
if (hbase !== null) {
  const folder = t.testdir();
  const { host, port } = hbase;
  const stores = [
    { kind: 'hbase', host, port, connections: 4, namespace: `frozen${process.pid}` },
    { kind: 'sqlite', path: join(folder, 'store.db') },
  ] as const;
  t.setTimeout(900_000);
  const reports = await Promise.all(
    stores.map((store) => frozenRunner(join(folder, store.kind), { store, freezes: FREEZES }, () => undefined)),
  );
  for (const [index, { figures, faults }] of reports.entries())
    t.test(`on ${stores[index]!.kind} nothing that a frozen runner had read is published`, async (t) => {
      t.comment(JSON.stringify(figures));
      t.same(faults, []);
      t.equal(figures.overtaken, FREEZES);
      t.ok(figures.answers > 0);
    });
}

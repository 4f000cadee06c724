/** A tenth of the campaign `hostile` against HBase (`npm run campaign -- hostile --hbase HOST:PORT`). */
import t from 'tap';
import { ATTACKS } from '../../../scripts/campaigns/hostile/attacks/catalogue.ts';
import { BOUNDS } from '../../../scripts/campaigns/hostile/judge.ts';
import { resultTable } from '../../../scripts/campaigns/hostile/result-table.ts';
import { runAttacks } from '../../../scripts/campaigns/hostile/run-attacks.ts';
import { sharedHBase } from '../../support/real/hbase.ts';

/** What costs the store most, and what costs the process most. */
const A_TENTH = [
  'item-bomb-roll-up',
  'item-bomb-ten-connections',
  'century-totals',
  'wrong-keys',
  'refused-connects',
  'pingreq-flood',
  'invented-epochs',
  'endless-losses',
];

const hbase = await sharedHBase(t);
if (hbase !== null) {
  t.test('eight attacks on a collector with HBase: nobody honest is kept waiting', async (t) => {
    const attacks = ATTACKS.filter(({ name }) => A_TENTH.includes(name));
    const { host, port } = hbase;
    const run = Date.now().toString(36);
    const results = await runAttacks(
      {
        folder: t.testdir(),
        attacks,
        seconds: 2,
        storeOf: (region) => ({ kind: 'hbase', host, port, connections: 4, namespace: `hostile_${run}_${region}` }),
        from: '127.0.0.2',
        bounds: { ...BOUNDS, honestP99Ms: 3_000 },
        signal: AbortSignal.timeout(500_000),
      },
      () => undefined,
    );
    for (const { name, faults } of results) t.strictSame(faults, [], name);
    t.equal(results.length, attacks.length, 'all have run');
    t.comment(resultTable(results));
  });
}

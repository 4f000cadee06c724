/** kill -9 of HBase, its gateway, agents and the collector during a replay: each event is counted once. */
import t from 'tap';
import { Region } from '../flow/harness/region.ts';
import { countedOnce } from '../flow/harness/survival.ts';
import { missingData } from '../flow/oracle/data-file.ts';
import { ownHBase } from './real-hbase.ts';

const DAYS = { from: '2011-08-08', to: '2011-08-17' };
const TERMINALS = ['till-1', 'till-2'];

const skip = missingData();
const hbase = skip ? null : await ownHBase(t);
if (hbase !== null || skip) {
  t.test('kill -9 of every part during a replay into HBase', { skip }, async (t) => {
    const { host, port } = hbase!.running;
    const store = { kind: 'hbase', host, port, connections: 4, namespace: 'kills' } as const;
    await using region = await Region.start({
      folder: t.testdir(),
      merchant: 'online-retail',
      terminals: TERMINALS,
      store,
    });
    const hbaseRole = (role: 'gateway' | 'master') => ({
      name: role,
      run: async () => {
        await hbase!.kill(role);
        await hbase!.restart();
      },
    });
    const collector = { name: 'collector', run: () => region.killCollector() };
    const agent = { name: TERMINALS[0]!, run: () => region.killAgent(0) };
    const round = [hbaseRole('gateway'), collector, hbaseRole('master'), agent];
    await countedOnce(t, { region, strikes: [...round, ...round], tills: region.tills, days: DAYS, storedMs: 180_000 });
  });
}

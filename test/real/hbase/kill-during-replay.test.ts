/** kill -9 of HBase, its gateway, agents and the collector during a replay: each event is counted once. */
import t from 'tap';
import { ownHBase } from '../../support/real/hbase.ts';
import { countedOnce } from '../../support/system/count-once.ts';
import type { Strike } from '../../support/system/kill-schedule.ts';
import { Region } from '../../support/system/region.ts';

const DAYS = { from: '2011-03-23', to: '2011-03-30' };
const TERMINALS = ['till-1', 'till-2'];

const hbase = await ownHBase(t);
if (hbase !== null) {
  t.test('kill -9 of every part during a replay into HBase', async (t) => {
    const { host, port } = hbase.running;
    const store = { kind: 'hbase', host, port, connections: 4, namespace: 'kills' } as const;
    await using region = await Region.start({
      folder: t.testdir(),
      merchant: 'online-retail',
      terminals: TERMINALS,
      store,
    });
    const { shipping, selling } = region;
    const fells = (role: 'gateway' | 'master') => async () => {
      await hbase.kill(role);
      await hbase.restart();
    };
    const round: Strike[] = [
      { name: 'the gateway, as a batch arrives', run: () => shipping.onNext('there', fells('gateway')) },
      { name: 'the collector, as it acknowledges', run: () => shipping.onNext('back', () => region.killCollector()) },
      { name: 'HBase, as a batch arrives', run: () => shipping.onNext('there', fells('master')) },
      { name: 'the first agent, as it answers', run: () => selling[0]!.onNext('back', () => region.killAgent(0)) },
      { name: 'the collector, as a batch arrives', run: () => shipping.onNext('there', () => region.killCollector()) },
    ];
    const strikes = [...round, ...round];
    await countedOnce(t, { region, strikes, tills: region.tills, days: DAYS, storedMs: 180_000 });
  });
}

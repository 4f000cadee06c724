import type { Test } from 'tap';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import { DORMANT_MS } from '../../../collector/store/waited-terminals.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { finalThrough, say } from '../../support/region/tills.ts';

const at = (hour: number): number => (HOUR + hour) * HOUR_MS;
const DAY = Math.floor(HOUR / 24);

/** What reviewers found: each of these was final without an event, or never final. */
export async function hostileFinalityContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a recheck whose mark the store did not take is made again', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await say(region, 'a', at(0));
    region.now = at(1) + 5 * MINUTE_MS;
    const failing = new HookedTables(tables, async ({ operation, table }, make) => {
      if (operation === 'put' && table === 'due') throw new StoreUnavailable('away');
      return make();
    });
    const through = region.through(failing);
    through.now = region.now + MINUTE_MS;
    await through
      .runner({ onFailure: () => undefined })
      .runDue()
      .catch(() => undefined);
    for (let day = 0; day < 10; day++) {
      await region.pass();
      region.now += DAY_MS;
    }
    t.ok((await finalThrough(region))! >= at(0) + DORMANT_MS, 'a silent till is waited for during seven days');
  });

  await t.test('nothing is final while its day is being recomputed elsewhere', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await region.passDay(DAY);
    await region.append(region.events('b', 1, salesIn(HOUR, [5])));
    const place = { merchant: region.merchant, level: 'day' as const, time: DAY };
    const record = await region.parked.read(place);
    await region.parked.write({ ...place, parts: [], crashes: 0, startedAt: region.now }, record);
    for (const till of ['a', 'b']) await say(region, till, at(2));
    await region.pass();
    t.equal(await finalThrough(region), null);
    region.now += 15 * MINUTE_MS;
    await region.pass();
    t.equal(await finalThrough(region), at(2));
    await t.resolves(region.check('day', DAY));
  });

  await t.test('an hour of which something is parked after it was final is not final', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = at(1) + 5 * MINUTE_MS;
    await say(region, 'a', at(1));
    await region.pass();
    t.equal(await finalThrough(region), at(1));
    const bad = region.events('b', 1, salesIn(HOUR, [2]));
    await region.deliver(bad);
    await region.overwrite(bad, bad.bytes.subarray(0, -1));
    await region.pass();
    const api = await Api.open(region);
    const query = { from: '2011-03-27T00:00:00Z', to: '2011-03-27T01:00:00Z', interval: 'hour' };
    t.match(await api.get('metrics', query), { meta: { status: 'provisional', finalThrough: null } });
    t.match(await api.ask('metrics', { ...query, complete: 'only' }), { status: 409 });
    t.match(await api.ask('top', { ...query, interval: [], complete: 'only' }), { status: 409 });
  });

  await t.test('what a clock that was ahead made final is final no more', async (t) => {
    const region = new Region(tables);
    await say(region, 'a', at(1), { closed: [] });
    await say(region, 'a', at(1), { closed: [['00000000000000e1', 0]] as never });
    region.now = at(12);
    await region.pass();
    t.ok((await finalThrough(region))! >= at(11));
    region.now = at(2) + 5 * MINUTE_MS;
    await say(region, 'a', at(2), { epoch: '00000000000000e2' as never });
    await region.pass();
    t.equal(await finalThrough(region), at(2));
  });
}

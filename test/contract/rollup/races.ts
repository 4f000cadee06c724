import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const DAY = Math.floor(HOUR / 24);

export async function racesContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a run that loses its compare-and-set is done again, and both contributions are there', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR, [2])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    await region.deliver(region.events('a', 2, salesIn(HOUR, [4])));
    let once = true;
    const slow = region.through(
      new HookedTables(tables, async ({ operation }, make) => {
        if (operation === 'checkAndPut' && once) {
          once = false;
          await region.deliver(region.events('b', 2, salesIn(HOUR, [8])));
          region.now += 60_000;
          await region.pass();
        }
        return make();
      }),
    );
    t.match(await slow.pass(), { racesLost: 1, hours: 1, failures: 0 });
    t.equal(await region.revision('hour', HOUR), 3);
    await t.resolves(region.check('hour', HOUR));
  });

  await t.test('so is the first run of an hour', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    let once = true;
    const slow = region.through(
      new HookedTables(tables, async ({ operation }, make) => {
        if (operation === 'checkAndPut' && once) {
          once = false;
          await region.deliver(region.events('b', 1, salesIn(HOUR, [2])));
          await region.pass();
        }
        return make();
      }),
    );
    t.match(await slow.pass(), { racesLost: 1, hours: 1 });
    await t.resolves(region.check('hour', HOUR));
  });

  await t.test('a run that loses every time fails, and its due marks stay', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    const key = { merchant: region.merchant, level: 'hour' as const, logic: 1, time: HOUR };
    const meta = {
      ...{ readAt: 0, publishedAt: 0, rows: 0, digest: '0', earliestArrival: null, events: 0 },
      ...{ conflicts: 0, lost: 0, overflow: 0, allReadAt: 0 },
    };
    const contended = region.through(
      new HookedTables(tables, async ({ operation }, make) => {
        if (operation === 'checkAndPut') {
          const revision = await region.revision('hour', HOUR);
          await region.rollups.publish(key, revision, { meta, parts: new Map(), views: new Map() });
        }
        return make();
      }),
    );
    t.match(await contended.pass(), { failures: 1, marks: 0 });
    t.match(contended.failures, [{ message: /lost 20 compare-and-sets in a row/ }]);
    await region.passDay(DAY);
    await t.resolves(region.checkAll());
  });

  await t.test('several runners at once publish the same figures as one', async (t) => {
    const region = new Region(tables);
    for (const hour of [HOUR, HOUR + 1, HOUR + 5]) {
      for (const terminal of ['a', 'b', 'c'])
        await region.deliver(region.events(terminal, hour, salesIn(hour, [1, 2])));
    }
    for (let minute = 0; minute < 4; minute++) {
      region.now = (DAY + 1) * 24 * HOUR_MS + HOUR_MS + minute * 60_000;
      if (minute === 1) await region.deliver(region.events('b', 900, salesIn(HOUR + 1, [64])));
      const reports = await Promise.all([1, 2, 3].map(() => region.runner().runDue()));
      t.same(
        reports.map(({ failures }) => failures),
        [0, 0, 0],
      );
    }
    t.same(await region.marksThrough(2 ** 31), []);
    await t.resolves(region.checkAll());
  });
}

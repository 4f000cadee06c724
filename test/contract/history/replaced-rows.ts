import type { Test } from 'tap';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const DAY = Math.floor(HOUR / 24);

async function withLateEvents(tables: Tables): Promise<Region> {
  const region = new Region(tables);
  await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR, [2])));
  region.now = (HOUR + 2) * HOUR_MS;
  await region.pass();
  await region.deliver(region.events('a', 2, salesIn(HOUR, [4])));
  return region;
}

const kept = async (region: Region): Promise<number[]> => {
  const scan = region.history.scan(region.merchant, 'hour', 1, HOUR, HOUR + 1, { kind: 'parts' });
  return (await Array.fromAsync(scan)).map(({ revision }) => revision);
};

const amounts = async (region: Region): Promise<unknown[]> => {
  const { restatements } = await (await Api.open(region)).get('restatements', { all: 'true' });
  return restatements.map(({ changes }: { changes: Record<string, unknown> }) => changes['sales.amount.GBP']);
};

export async function replacedRowsContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a row that is kept and not replaced, because the runner died, is not told', async (t) => {
    const region = await withLateEvents(tables);
    const dying = region.through(
      new HookedTables(tables, async ({ operation, table }, make) => {
        if (operation === 'checkAndPut' && table === 'rollups') throw new StoreUnavailable('dead');
        return make();
      }),
    );
    await dying.pass();
    t.same(await kept(region), [1]);
    t.same(await amounts(region), []);
    await region.deliver(region.events('b', 2, salesIn(HOUR, [8])));
    await region.passDay(DAY);
    t.same(await amounts(region), [[3, 15]], 'the next run makes one change of all');
  });

  await t.test('of two runners that replace the same row, the change of the faster one is told', async (t) => {
    const region = await withLateEvents(tables);
    let once = true;
    const slow = region.through(
      new HookedTables(tables, async ({ operation, table }, make) => {
        if (operation === 'checkAndPut' && table === 'rollups' && once) {
          once = false;
          await region.deliver(region.events('b', 2, salesIn(HOUR, [8])));
          await region.pass();
        }
        return make();
      }),
    );
    t.match(await slow.pass(), { racesLost: 1, failures: 0 });
    t.same(await amounts(region), [[3, 15]]);
    await region.passDay(DAY);
    t.same(await amounts(region), [[3, 15]]);
  });

  await t.test('so it is when the slower one kept the row after it had been replaced', async (t) => {
    const region = await withLateEvents(tables);
    let once = true;
    const slow = region.through(
      new HookedTables(tables, async ({ operation, table }, make) => {
        if (operation === 'put' && table === 'history' && once) {
          once = false;
          await region.deliver(region.events('b', 2, salesIn(HOUR, [8])));
          await region.pass();
          await region.deliver(region.events('c', 1, salesIn(HOUR, [16])));
          await region.pass();
        }
        return make();
      }),
    );
    t.match(await slow.pass(), { racesLost: 1, failures: 0 });
    t.same(await amounts(region), [
      [3, 15],
      [15, 31],
    ]);
  });

  await t.test('only what is replaced is kept of the terminals', async (t) => {
    const region = await withLateEvents(tables);
    await region.pass();
    const scan = region.history.scan(region.merchant, 'hour', 1, HOUR, HOUR + 1, { kind: 'parts' });
    t.same(
      (await Array.fromAsync(scan)).map(({ row }) => [...(row?.parts.keys() ?? [])]),
      [['a']],
    );
  });
}

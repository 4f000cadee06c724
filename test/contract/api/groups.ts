import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { storeId } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Api, type Query } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';

const DAY = { from: '2011-03-27', to: '2011-03-28', interval: 'total', metrics: 'events.count' };
const [FRANCE, LEEDS] = ['france', 'leeds'].map(storeId) as [ReturnType<typeof storeId>, ReturnType<typeof storeId>];

export async function groupsContract(t: Test, tables: Tables): Promise<void> {
  const region = new Region(tables);
  await region.append(
    region.events('till-1', 1, [
      tillEvent({ amount: 1, store: FRANCE, dims: { method: 'upi', cashier: 'c1' } }),
      tillEvent({ amount: 2, store: FRANCE, dims: { method: 'cash', cashier: 'c1' } }),
      tillEvent({ amount: 4, store: LEEDS, dims: { method: 'upi', cashier: 'c2' } }),
    ]),
    region.events('till-2', 1, [
      tillEvent({ amount: 8, store: LEEDS, dims: { method: 'a:b', other: 'not asked by' } }),
      tillEvent({ amount: 16, type: 'refund', store: null, dims: { method: '' } }),
      tillEvent({ amount: 32, currency: 'EUR', store: LEEDS, dims: { cashier: 'c2' } }),
      tillEvent({ amount: null, currency: null, type: 'void', dims: {} }),
    ]),
  );
  region.now = (HOUR + 1) * HOUR_MS;
  const api = await Api.open(region);
  /** Value of the first metric by the values of the keys. */
  const by = async (query: Query): Promise<Record<string, unknown>> => {
    const { series } = await api.get('metrics', { ...DAY, ...query });
    const metric = [query.metrics ?? 'events.count'].flat()[0]!;
    return Object.fromEntries(
      series.map(({ key, points }: { key: object; points: Record<string, unknown>[] }) => [
        Object.keys(key).length === 0 ? 'all' : Object.values(key).join(' '),
        points[0]![metric],
      ]),
    );
  };

  // Once from the raw log, once from hour rows, once from day rows.
  for (const what of ['folded', 'rolled up by the hour', 'rolled up by the day']) {
    if (what === 'rolled up by the hour') {
      await region.mark(HOUR, 'till-1');
      region.now = (HOUR + 2) * HOUR_MS;
      await region.pass();
    } else if (what === 'rolled up by the day') await region.passDay(Math.floor(HOUR / 24));

    await t.test(`${what}: by each dimension; an event without it has key null`, async (t) => {
      t.same(await by({ by: 'store' }), { france: 2, leeds: 3, '': 2 });
      t.same((await api.get('metrics', { ...DAY, by: 'store' })).series.at(-1).key, { store: null });
      t.same(await by({ by: 'terminal' }), { 'till-1': 3, 'till-2': 4 });
      t.same(await by({ by: 'type' }), { sale: 5, refund: 1, void: 1 });
      t.same(await by({ by: 'cashier' }), { c1: 2, c2: 2, '': 3 });
      const { series } = await api.get('metrics', { ...DAY, by: 'method' });
      t.same(
        series.map(({ key }: { key: { method: string | null } }) => key.method),
        ['a:b', 'cash', 'upi', null],
        'an empty value is none',
      );
    });

    await t.test(`${what}: with money, by currency and dimension`, async (t) => {
      const money = { metrics: 'sales.amount' };
      t.same(await by({ ...money, by: 'store' }), {
        'GBP france': 3,
        'GBP leeds': 12,
        'EUR leeds': 32,
        'GBP ': 0,
        ' ': 0,
      });
      t.same(await by({ ...money, by: 'type' }), { 'GBP sale': 15, 'EUR sale': 32, 'GBP refund': 0, ' void': 0 });
    });

    await t.test(`${what}: filters, one and several`, async (t) => {
      t.same(await by({ filter: 'method:upi' }), { all: 2 });
      t.same(await by({ filter: 'method:a:b' }), { all: 1 }, 'a value may hold a colon');
      t.same(await by({ filter: 'method:' }), { all: 3 }, 'nothing after the colon: events without the dimension');
      t.same(await by({ filter: 'terminal:till-1' }), { all: 3 });
      t.same(await by({ filter: 'type:void' }), { all: 1 });
      t.same(await by({ filter: ['method:upi', 'store:leeds'] }), { all: 1 });
      t.same(await by({ filter: ['method:upi', 'method:cash'] }), { all: 0 }, 'nothing is both');
      t.same(await by({ filter: 'method:none' }), { all: 0 });
      t.same(await by({ filter: ['type:sale', 'method:upi', 'cashier:c1', 'store:france', 'terminal:till-1'] }), {
        all: 1,
      });
    });

    await t.test(`${what}: filters and by`, async (t) => {
      t.same(await by({ by: 'store', filter: 'store:leeds' }), { leeds: 3 });
      t.same(await by({ by: 'store', filter: 'type:sale' }), { france: 2, leeds: 3 });
      t.same(await by({ by: 'method', filter: 'store:leeds' }), { upi: 1, 'a:b': 1, '': 1 });
      t.same(await by({ by: 'terminal', filter: 'method:upi' }), { 'till-1': 2 });
      t.same(await by({ by: 'cashier', filter: 'terminal:till-2' }), { c2: 1, '': 3 });
    });
  }

  await api.close();
}

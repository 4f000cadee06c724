import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import type { Item, TillEvent } from '../../../shared/event/event.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';

const DAY = { from: '2011-03-27', to: '2011-03-28' };

/** @param items sku, pieces, price */
const basket = (items: readonly [string, number, number][], rest: Partial<Omit<TillEvent, 'dims'>> = {}): TillEvent =>
  tillEvent({ ...rest, items: items.map(([sku, pieces, price]) => ({ sku, qty: pieces * 1000, price })) });

const RECEIPT: readonly Item[] = [
  { sku: 'mug', qty: 3_000, price: 900 },
  { sku: 'mug', qty: -1_000, price: 900 },
  { sku: 'coupon', qty: 1_000, price: -50 },
  { sku: 'voided', qty: 0, price: 500, amount: 500 },
  { sku: 'fuel', qty: 41_270, price: null, amount: 7_424 },
  { sku: 'beans', qty: 3_000, price: 349, amount: 1_000 },
];

export async function topContract(t: Test, tables: Tables): Promise<void> {
  const region = new Region(tables);
  await region.append(
    region.events('a', 1, [
      basket([
        ['cheap', 10, 1],
        ['dear', 1, 500],
      ]),
      basket([['dear', 0.5, 501]]),
      basket([['returned', 9, 100]]),
      basket([['returned', 8, 100]], { type: 'refund' }),
      basket([['only-void', 99, 999]], { type: 'void' }),
    ]),
    region.events('b', 1, [
      basket([['cheap', 2, 1]], { currency: 'EUR' }),
      basket([['gift', 1, 0]], { currency: null, amount: null }),
      basket([['back', 1, 7]], { type: 'refund', currency: 'EUR' }),
      tillEvent({ currency: 'JPY', items: RECEIPT }),
    ]),
  );
  region.now = (HOUR + 1) * HOUR_MS;
  const api = await Api.open(region);

  for (const what of ['folded', 'rolled up by the hour', 'rolled up by the day']) {
    if (what === 'rolled up by the hour') {
      await region.mark(HOUR, 'a');
      region.now = (HOUR + 2) * HOUR_MS;
      await region.pass();
    } else if (what === 'rolled up by the day') await region.passDay(Math.floor(HOUR / 24));

    await t.test(`${what}: by amount, a ranking a currency, sales less refunds`, async (t) => {
      const { series } = await api.get('top', DAY);
      t.same(series, [
        { key: { currency: null }, items: [{ sku: 'gift', quantity: 1, amount: 0 }] },
        {
          key: { currency: 'EUR' },
          items: [
            { sku: 'cheap', quantity: 2, amount: 2 },
            { sku: 'back', quantity: -1, amount: -7 },
          ],
        },
        {
          key: { currency: 'GBP' },
          items: [
            { sku: 'dear', quantity: 1.5, amount: 751 },
            { sku: 'returned', quantity: 1, amount: 100 },
            { sku: 'cheap', quantity: 10, amount: 10 },
          ],
        },
        {
          key: { currency: 'JPY' },
          items: [
            { sku: 'fuel', quantity: 41.27, amount: 7_424 },
            { sku: 'mug', quantity: 2, amount: 1_800 },
            { sku: 'beans', quantity: 3, amount: 1_000 },
            { sku: 'coupon', quantity: 1, amount: -50 },
          ],
        },
      ]);
    });

    await t.test(`${what}: by quantity, and no more than requested`, async (t) => {
      const { meta, series } = await api.get('top', { ...DAY, by: 'quantity', limit: '2' });
      t.match(meta, { of: 'sku', by: 'quantity', limit: 2, from: '2011-03-27T00:00:00+00:00', tz: 'UTC' });
      t.match(
        series.map(({ items }: { items: { sku: string }[] }) => items.map(({ sku }) => sku)),
        [['gift'], ['cheap', 'back'], ['cheap', 'dear'], ['fuel', 'beans']],
      );
    });
  }

  await t.test('only what was sold in the range counts, to the quarter hour', async (t) => {
    const slots = new Region(tables);
    const at = (minute: number, sku: string) => basket([[sku, 1, 1]], { ts: HOUR * HOUR_MS + minute * 60_000 });
    await slots.append(slots.events('a', 1, [at(14, 'before'), at(15, 'in'), at(29, 'in'), at(30, 'after')]));
    const ranged = await Api.open(slots);
    for (const rolledUp of [false, true]) {
      if (rolledUp) {
        await slots.mark(HOUR, 'a');
        await slots.passDay(Math.floor(HOUR / 24));
      }
      const { series } = await ranged.get('top', { from: '2011-03-27T00:15:00Z', to: '2011-03-27T00:30:00Z' });
      t.match(series, [{ items: [{ sku: 'in', quantity: 2 }] }]);
      t.equal(series[0].items.length, 1);
    }
  });

  await t.test('of equal sales, the order is that of the names', async (t) => {
    const equal = new Region(tables);
    await equal.append(
      equal.events('a', 1, [
        basket([
          ['z', 1, 1],
          ['a', 1, 1],
          ['__proto__', 1, 1],
        ]),
      ]),
    );
    const { series } = await (await Api.open(equal)).get('top', DAY);
    t.same(
      series[0].items.map(({ sku }: { sku: string }) => sku),
      ['__proto__', 'a', 'z'],
    );
  });

  await t.test('nothing sold gives no ranking', async (t) => {
    t.same((await (await Api.open(new Region(tables))).get('top', DAY)).series, []);
  });

  await api.close();
}

import type { Test } from 'tap';
import { METRIC_NAMES } from '../../../collector/api/figures/metric-catalog.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';

const DAY = { from: '2011-03-27', to: '2011-03-28', interval: 'total' };
const ALL = { ...DAY, metrics: METRIC_NAMES.join() };

/** A merchant with these events, queried two hours later. */
async function merchantWith(tables: Tables, events: readonly TillEvent[]): Promise<Api> {
  const region = new Region(tables);
  if (events.length > 0) await region.append(region.events('till-1', 1, events));
  region.now = (HOUR + 2) * HOUR_MS;
  return Api.open(region);
}

export async function metricsContract(t: Test, tables: Tables): Promise<void> {
  await t.test('no data at all gives one series of zeros, and no tickets', async (t) => {
    const api = await merchantWith(tables, []);
    t.same(await api.get('metrics', ALL), {
      meta: {
        merchant: (await api.get('metrics', ALL)).meta.merchant,
        tz: 'UTC',
        from: '2011-03-27T00:00:00+00:00',
        to: '2011-03-28T00:00:00+00:00',
        asOf: '2011-03-27T02:00:00+00:00',
        logicVersion: 1,
        status: 'open',
        finalThrough: null,
        waitingFor: [],
        interval: 'total',
      },
      series: [
        {
          key: { currency: null },
          points: [
            {
              t: '2011-03-27T00:00:00+00:00',
              status: 'open',
              'events.count': 0,
              'sales.count': 0,
              'sales.amount': 0,
              'refunds.count': 0,
              'refunds.amount': 0,
              'net.amount': 0,
              'ticket.avg': null,
              'ticket.min': null,
              'ticket.max': null,
              'ticket.p50': null,
              'ticket.p95': null,
              'items.quantity': 0,
              'customers.unique': 0,
            },
          ],
        },
      ],
    });
    t.same((await api.get('metrics', { ...DAY, metrics: 'sales.count' })).series[0].key, {}, 'no money, no currency');
    t.same((await api.get('metrics', { ...DAY, by: 'store' })).series[0].key, { currency: null, store: null });
  });

  await t.test('every metric of one currency is what the contract says it means', async (t) => {
    const items = (qty: number) => [{ sku: 'A', qty, price: 10 }];
    const api = await merchantWith(tables, [
      tillEvent({ amount: 100, items: items(1_500), dims: { customer: 'u1' } }),
      tillEvent({ amount: 101, items: items(1_000), dims: { customer: 'u2' } }),
      tillEvent({ amount: 400, dims: { customer: 'u1' } }),
      tillEvent({ amount: null, items: items(250) }),
      tillEvent({ type: 'refund', amount: 150, items: items(2_000), dims: { customer: 'u3' } }),
      tillEvent({ type: 'void', amount: 7_000, items: items(9_000), dims: { customer: 'u4' } }),
      tillEvent({ type: 'drawer.opened', amount: null }),
    ]);
    const { series } = await api.get('metrics', ALL);
    t.equal(series.length, 1);
    t.match(series[0].points, [
      {
        'events.count': 7,
        'sales.count': 4,
        'sales.amount': 601,
        'refunds.count': 1,
        'refunds.amount': 150,
        'net.amount': 451,
        'ticket.avg': 200,
        'ticket.min': 100,
        'ticket.max': 400,
        'ticket.p50': 101,
        'ticket.p95': 400,
        'items.quantity': 0.75,
        'customers.unique': 3,
      },
    ]);
  });

  await t.test('two currencies are never added; events without one are a series of their own', async (t) => {
    const api = await merchantWith(tables, [
      tillEvent({ amount: 1, currency: 'GBP' }),
      tillEvent({ amount: 2, currency: 'EUR' }),
      tillEvent({ amount: 4, currency: 'EUR', type: 'refund' }),
      tillEvent({ amount: null, currency: null }),
    ]);
    const query = { ...DAY, metrics: 'sales.amount,net.amount,sales.count' };
    const { series } = await api.get('metrics', query);
    t.match(series, [
      { key: { currency: 'EUR' }, points: [{ 'sales.amount': 2, 'net.amount': -2, 'sales.count': 1 }] },
      { key: { currency: 'GBP' }, points: [{ 'sales.amount': 1, 'net.amount': 1, 'sales.count': 1 }] },
      { key: { currency: null }, points: [{ 'sales.amount': 0, 'net.amount': 0, 'sales.count': 1 }] },
    ]);
    t.equal(series.length, 3);
    t.same(await api.values('sales.count', DAY), [[3]], 'counts alone need no currency');
    t.same(await api.values('customers.unique', DAY), [[0]]);
  });

  await t.test('tickets are null where there was no sale, though there were refunds and voids', async (t) => {
    const api = await merchantWith(tables, [tillEvent({ type: 'refund' }), tillEvent({ type: 'void' })]);
    for (const metric of ['ticket.avg', 'ticket.min', 'ticket.max', 'ticket.p50', 'ticket.p95'])
      t.same(await api.values(metric, DAY), [[null]], metric);
  });

  await t.test('a sale of nothing is a ticket of zero', async (t) => {
    const api = await merchantWith(tables, [tillEvent({ amount: 0 })]);
    t.same(await api.values('ticket.avg', DAY), [[0]]);
    t.same(await api.values('ticket.p95', DAY), [[0]]);
  });

  await t.test('an average is rounded half up', async (t) => {
    const api = await merchantWith(tables, [tillEvent({ amount: 1 }), tillEvent({ amount: 2 })]);
    t.same(await api.values('ticket.avg', DAY), [[2]]);
  });

  await t.test('sums beyond 2^53 are printed in full', async (t) => {
    const sale = tillEvent({ amount: 1e12 - 1, items: [{ sku: 'A', qty: 999_999_999_999, price: 999_999_999_999 }] });
    const region = new Region(tables);
    for (let batch = 0; batch < 10; batch++)
      await region.append(
        region.events(
          'a',
          1 + batch * 1_000,
          Array.from({ length: 1_000 }, () => sale),
        ),
      );
    const api = await Api.open(region);
    const { text } = await api.ask('metrics', { ...DAY, metrics: 'sales.amount,ticket.avg,items.quantity' });
    t.match(text, '"sales.amount":9999999999990000,"ticket.avg":999999999999,"items.quantity":9999999999990.000');
    t.match((await api.ask('top', { from: DAY.from, to: DAY.to })).text, '"amount":9999999999980000000000010}');
  });

  await t.test('customers of sales and refunds are one set, over slots and terminals', async (t) => {
    const region = new Region(tables);
    const buying = (customer: string, minute: number, type = 'sale'): TillEvent =>
      tillEvent({ type, ts: HOUR * HOUR_MS + minute * 60_000, dims: { customer } });
    await region.append(region.events('a', 1, [buying('u1', 0), buying('u2', 20), buying('u1', 40, 'refund')]));
    await region.append(region.events('b', 1, [buying('u2', 1), buying('u3', 59), buying('u9', 5, 'void')]));
    const api = await Api.open(region);
    t.same(await api.values('customers.unique', DAY), [[3]]);
    t.same(await api.values('customers.unique', { ...DAY, interval: '15m', to: '2011-03-27T01:00:00Z' }), [
      [2, 1, 1, 1],
    ]);
    t.same(await api.values('customers.unique', { ...DAY, by: 'terminal' }), [[2], [2]]);
  });

  await t.test('over a thousand customers are within 2 %', async (t) => {
    const region = new Region(tables);
    const events = Array.from({ length: 5_000 }, (_, i) => tillEvent({ dims: { customer: `u${i % 4_000}` } }));
    await region.append(region.events('a', 1, events.slice(0, 2_500)), region.events('b', 1, events.slice(2_500)));
    const [[count]] = (await (await Api.open(region)).values('customers.unique', DAY)) as [[number]];
    t.ok(Math.abs(count - 4_000) <= 80, String(count));
  });

  await t.test('metrics requested twice, or with spaces, come once', async (t) => {
    const api = await merchantWith(tables, [tillEvent()]);
    const { series } = await api.get('metrics', { ...DAY, metrics: 'sales.count, sales.count' });
    t.same(series[0].points, [{ t: '2011-03-27T00:00:00+00:00', status: 'open', 'sales.count': 1 }]);
  });
}

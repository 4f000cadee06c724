import t from 'tap';
import type { TillEvent } from '../../../../scripts/clients/till-event.ts';
import { bodies, madeUp, renamed } from '../../../../scripts/train-dictionary/samples.ts';
import { hourOf } from '../../../../shared/time.ts';
import { fromBody } from '../../../../shared/wire/column-decoder.ts';
import { toEvents } from '../../../../shared/wire/event-columns.ts';
import { unpack } from '../../../../shared/wire/message-pack.ts';

t.test('real invoices keep their shape, but none of their articles, customers and numbers', async (t) => {
  const invoices: TillEvent[] = Array.from({ length: 60 }, (_, i) => ({
    ...{ type: 'sale', ts: '2011-02-01T08:00:00+00:00', amount: 590, currency: 'GBP', ref: `${536_000 + i}` },
    ...{ dims: { store: 'france', customer: '17850' }, items: [{ sku: '85123A', qty: 2, price: 295 }] },
  }));
  const [trade, ...others] = renamed(invoices, 7);
  t.equal(others.length, 0);
  const skus = new Set(trade!.posted.flatMap(({ items }) => items!.map(({ sku }) => sku)));
  t.equal(skus.size, 1, 'one article stays one');
  for (const { amount, ref, dims, items } of trade!.posted) {
    t.match({ amount, items }, { amount: 590, items: [{ sku: /^\d{5}A$/, qty: 2, price: 295 }] });
    t.match(dims.customer, /^\d{5}$/);
    t.notOk(JSON.stringify([ref, dims, items]).match(/"53600|85123A|17850|france/));
  }
});

t.test('samples are bodies of batches that hold each event once', async (t) => {
  const trade = madeUp(3);
  const hour = hourOf(trade.events[0]!.ts);
  const found = bodies(trade, 3).flatMap((body) => {
    const columns = unpack(body) as unknown[][];
    const count = Array.isArray(columns[7]) ? columns[7].length : 1;
    return toEvents(fromBody(body, { count, hour, receiptLines: false }, Number.POSITIVE_INFINITY));
  });
  t.same(
    found.map(({ ref }) => ref),
    trade.events.map(({ ref }) => ref),
  );
});

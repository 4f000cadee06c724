import t from 'tap';
import { contentHash, isDeduplicable } from '../../../../../agent/buffer/tables/content-hash.ts';
import { FLAG } from '../../../../../shared/event/event.ts';
import { storeId } from '../../../../../shared/ids.ts';
import { NOW, parsed, sale } from '../../../../support/agent/events.ts';

const same = (a: unknown, b: unknown): boolean => contentHash(parsed(a)).equals(contentHash(parsed(b, NOW + 60_000)));

t.test('the order of keys makes no difference, at any depth', async (t) => {
  t.ok(
    same(
      sale('R', { dims: { a: '1', b: '2' }, attrs: { x: 1, y: { p: 1, q: [{ m: 1, n: 2 }] } } }),
      sale('R', { attrs: { y: { q: [{ n: 2, m: 1 }], p: 1 }, x: 1 }, dims: { b: '2', a: '1' } }),
    ),
  );
});

t.test('a defaulted ts is left aside, a given one is not', async (t) => {
  t.ok(same(sale('R'), sale('R')));
  t.notOk(same(sale('R', { ts: NOW }), sale('R', { ts: NOW + 1 })));
  t.notOk(same(sale('R'), sale('R', { ts: NOW })));
  t.notOk(same(sale('R', { ts: '2026-11-22T10:00:00Z' }), sale('R', { ts: '2026-11-22T11:00:00+01:00' })));
});

t.test('each field makes a difference', async (t) => {
  const base = sale('R', { ts: NOW, dims: { a: '1' }, attrs: { k: [1] } });
  for (const other of [
    { ...base, type: 'refund' },
    { ...base, amount: 1300 },
    { ...base, currency: 'GBP' },
    { ...base, ref: 'S' },
    { ...base, dims: { a: '2' } },
    { ...base, dims: { a1: '' } },
    { ...base, items: [] },
    { ...base, items: [{ sku: 'A1', qty: 2, price: 501 }] },
    { ...base, attrs: { k: 1 } },
    { ...base, attrs: [['k', [1]]] },
    { ...base, attrs: null },
    { ...base, attrs: undefined },
  ]) {
    t.notOk(same(base, other), JSON.stringify(other));
  }
});

t.test('an array of pairs is not the object that it spells', async (t) => {
  t.notOk(same(sale('R', { attrs: { a: 1 } }), sale('R', { attrs: [['a', 1]] })));
  t.notOk(same(sale('R', { attrs: { a: 1 } }), sale('R', { attrs: { pairs: [['a', 1]] } })));
});

t.test("the agent's configured store is not the till's content", async (t) => {
  const event = parsed(sale('R'));
  t.same(contentHash({ ...event, store: storeId('moved') }), contentHash(event));
});

t.test('events without ref, or with a masked one, have no known repeat', async (t) => {
  const event = parsed(sale('R'));
  t.ok(isDeduplicable(event));
  t.notOk(isDeduplicable({ ...event, ref: null }));
  t.notOk(isDeduplicable({ ...event, ref: '************1111', flags: event.flags | FLAG.masked }));
  t.ok(
    isDeduplicable({ ...event, flags: event.flags | FLAG.masked }),
    'what else was masked is masked alike in a repeat',
  );
  t.ok(isDeduplicable({ ...event, ref: '*R*' }), 'asterisks of the till’s own');
});

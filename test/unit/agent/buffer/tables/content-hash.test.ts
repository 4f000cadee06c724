import t from 'tap';
import { contentHash, isDeduplicable, otherHashes } from '../../../../../agent/buffer/tables/content-hash.ts';
import { FLAG } from '../../../../../shared/event/event.ts';
import { parseExactJson } from '../../../../../shared/exact-json.ts';
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
});

t.test('another spelling of the same content makes no difference', async (t) => {
  const text = (json: string) => parseExactJson(`{"type":"sale","ref":"R",${json}}`);
  const spellings: [what: string, a: string, b: string][] = [
    ['an offset', '"ts":"2026-11-22T10:00:00Z"', '"ts":"2026-11-22T11:00:00+01:00"'],
    ['an offset of minus zero', '"ts":"2026-11-22T10:00:00Z"', '"ts":"2026-11-22T10:00:00-00:00"'],
    ['fractional digits of zero', '"ts":"2026-11-22T10:00:00Z"', '"ts":"2026-11-22T10:00:00.000000Z"'],
    ['epoch milliseconds', '"ts":"2026-11-22T10:00:00Z"', `"ts":${Date.UTC(2026, 10, 22, 10)}`],
    ['the end of a day', '"ts":"2026-11-22T24:00:00Z"', '"ts":"2026-11-23T00:00:00Z"'],
    ['no items', '"items":[]', '"items":null'],
    ['no dims', '"dims":{}', '"dims":null'],
    ['an empty dimension', '"dims":{"customer":"","a":"1"}', '"dims":{"a":"1"}'],
    ['a dimension null', '"dims":{"customer":null}', '"items":[]'],
    ['empty attrs', '"attrs":{}', '"items":[]'],
    ['attrs null', '"attrs":null', '"attrs":[]'],
    ['an amount with decimals', '"amount":100,"currency":"EUR"', '"amount":1.0e2,"currency":"EUR"'],
    ['a qty with zeros', '"items":[{"sku":"A","qty":1.5,"price":1}]', '"items":[{"price":1.0,"qty":1.500,"sku":"A"}]'],
    ['a number of attrs', '"attrs":[1,0.1,-0]', '"attrs":[1.0,1e-1,0]'],
    ['a long number of attrs', '"attrs":[9007199254740993]', '"attrs":[9007199254740993.0]'],
    ['NFD in dims', '"dims":{"a":"caf\u00e9"}', '"dims":{"a":"cafe\u0301"}'],
    ['NFD in a sku', '"items":[{"sku":"\u00c5","qty":1,"price":1}]', '"items":[{"sku":"A\u030a","qty":1,"price":1}]'],
    ['NFD in attrs', '"attrs":{"caf\u00e9":"\u00e9"}', '"attrs":{"cafe\u0301":"e\u0301"}'],
    ['escapes', '"attrs":"\u0041/"', '"attrs":"A/"'],
  ];
  for (const [what, a, b] of spellings) t.ok(same(text(a), text(b)), what);
  t.ok(same(sale('caf\u00e9'), sale('cafe\u0301')), 'a ref');
  const others: [what: string, a: string, b: string][] = [
    ['an instant', '"ts":"2026-11-22T10:00:00Z"', '"ts":"2026-11-22T10:00:00+01:00"'],
    ['a long number', '"attrs":[9007199254740993]', '"attrs":[9007199254740992]'],
    ['beyond doubles', '"attrs":[1e400]', '"attrs":[1e401]'],
    ['a number and a text', '"attrs":[1]', '"attrs":["1"]'],
    ['null within attrs', '"attrs":{"a":null}', '"attrs":{}'],
    ['compatibility forms', '"dims":{"a":"\u2460"}', '"dims":{"a":"1"}'],
  ];
  for (const [what, a, b] of others) t.notOk(same(text(a), text(b)), what);
});

t.test('the hash of an older agent is known, and that of an event whose time was corrected', async (t) => {
  // What 0.1.0 stored for these events.
  const known: [unknown, string][] = [
    [sale('R'), '8fa810c4ac1fbae9880dcbc0c9828a0c'],
    [sale('R', { ts: '2026-11-22T09:30:00+05:30' }), 'cbc0af1f6c02011ae2d99a83ab0600db'],
    [
      sale('R', { ts: NOW, dims: { b: '2', a: '1' }, attrs: { x: 1.5, b: [null, { z: 1, a: 'é' }], '1': 2 } }),
      '5b4086fd1521acccf0ab822868cac497',
    ],
  ];
  for (const [input, hash] of known)
    t.ok(
      otherHashes(parsed(input)).some((other) => other.toString('hex') === hash),
      JSON.stringify(input),
    );
  const event = parsed(sale('R', { ts: NOW }));
  const recovered = { ...event, ts: NOW + 5, flags: FLAG.tsCorrected | FLAG.clockSuspect };
  t.ok(otherHashes(event).some((other) => other.equals(contentHash(recovered))));
});

t.test('each field makes a difference', async (t) => {
  const base = sale('R', { ts: NOW, dims: { a: '1' }, attrs: { k: [1] } });
  for (const other of [
    { ...base, type: 'refund' },
    { ...base, amount: 1300 },
    { ...base, currency: 'GBP' },
    { ...base, ref: 'S' },
    { ...base, dims: { a: '2' } },
    { ...base, dims: { a1: '1' } },
    { ...base, items: [{ sku: '', qty: 2, price: 500 }] },
    { ...base, items: [{ sku: 'A1', qty: 2, price: 501 }] },
    { ...base, attrs: { k: 1 } },
    { ...base, attrs: [['k', [1]]] },
    { ...base, attrs: undefined },
  ]) {
    t.notOk(same(base, other), JSON.stringify(other));
  }
});

t.test("the total of a line is content, and a line without one has its agent's hash of before", async (t) => {
  const line = (more: object) => sale('R', { items: [{ sku: 'A', qty: 1, price: 100, ...more }] });
  t.ok(same(line({ amount: null }), line({})), 'null is absent');
  t.ok(same(line({ amount: -0, qty: -0 }), line({ amount: 0, qty: 0 })), 'minus nothing');
  const hashes = ['{}', '{"amount":0}', '{"amount":100}', '{"amount":90}', '{"amount":90,"price":null}'].map((more) => {
    const event = parsed(line(JSON.parse(more) as object));
    return [contentHash(event), ...otherHashes(event)].map((hash) => hash.toString('hex'));
  });
  for (const [at, mine] of hashes.entries())
    for (const other of hashes.slice(at + 1)) t.notOk(mine.some((hash) => other.includes(hash)));
  t.equal(hashes[0]![0], '85586d63a8ac37853c1ee216d330e6df', 'as before lines had totals');
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

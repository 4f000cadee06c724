import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { CURRENCIES } from '../../../../shared/event/currencies.ts';
import { dimension, FLAG, type TillEvent } from '../../../../shared/event/event.ts';
import { parseEvent } from '../../../../shared/event/parse.ts';
import { type StoreId, storeId } from '../../../../shared/ids.ts';
import { MAX_TS, MIN_TS } from '../../../../shared/time.ts';
import { codePoint } from '../../../support/shared/code-point.ts';
import { holds } from '../../../support/shared/property.ts';

const NOW = Date.UTC(2026, 10, 22, 9, 30);
const context = { now: NOW, store: null };
/** As it comes over the wire: `__proto__` is a key like others in JSON. */
const parseText = (json: string) => parseEvent(JSON.parse(json), context);

function accepted(input: unknown, store: StoreId | null = null): TillEvent {
  const parsed = parseEvent(input, { now: NOW, store });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed.event;
}

/** Pointers of the errors, in their order; empty when the event is good. */
const pointers = (input: unknown): string[] => {
  const parsed = parseEvent(input, context);
  return parsed.ok ? [] : parsed.errors.map(({ pointer }) => pointer);
};

t.test("a till's event becomes what travels and is folded", async (t) => {
  const parsed =
    parseText(`{"type":"sale", "ts":"2026-11-22T09:30:00+05:30", "amount":129900, "currency":"INR", "ref":"R-1001",
    "dims":{"method":"upi","cashier":"c3","customer":"u81"},
    "items":[{"sku":"A1","qty":2,"price":64950}], "attrs":{"any":"json"}}`);
  t.strictSame(parsed, {
    ok: true,
    event: {
      type: 'sale',
      ts: Date.UTC(2026, 10, 22, 4),
      offset: 330,
      flags: 0,
      amount: 129_900,
      currency: 'INR',
      ref: 'R-1001',
      store: null,
      dims: ['cashier', 'c3', 'customer', 'u81', 'method', 'upi'],
      items: [{ sku: 'A1', qty: 2_000, price: 64_950 }],
      attrs: '{"any":"json"}',
    },
  });
});

t.test('a type is enough for an event', async (t) => {
  t.strictSame(accepted({ type: 'void' }), {
    type: 'void',
    ts: NOW,
    offset: 0,
    flags: FLAG.tsDefaulted,
    amount: null,
    currency: null,
    ref: null,
    store: null,
    dims: [],
    items: [],
    attrs: null,
  });
});

const base = { type: 'sale' };
const item = { sku: 'A1', qty: 1, price: 100 };

t.test('all bad fields are named at once, each once', async (t) => {
  t.strictSame(
    pointers({
      type: 'SALE',
      ts: 'noon',
      amount: -1,
      currency: 'pounds',
      ref: '',
      dims: { Method: 'upi', store: 'No Store', cashier: '\ud800' },
      items: [{ sku: 'A1', qty: 1.0001, price: -0.5 }],
      attrs: 'x'.repeat(5000),
      total: 1,
    }).sort(),
    [
      '/amount',
      '/attrs',
      '/currency',
      '/dims/Method',
      '/dims/cashier',
      '/dims/store',
      '/items/0/price',
      '/items/0/qty',
      '/ref',
      '/total',
      '/ts',
      '/type',
    ],
  );
});

t.test('each error says what to do about its field', async (t) => {
  const details = (input: unknown) => {
    const parsed = parseEvent(input, context);
    return parsed.ok ? [] : parsed.errors.map(({ pointer, detail }) => `${pointer} ${detail}`);
  };
  t.strictSame(details({}), ['/type is required']);
  t.strictSame(details({ ...base, total: 1 }), ['/total is not a known field']);
  t.strictSame(details({ ...base, ts: true }), [
    '/ts must be a text (ISO 8601) or a whole number (milliseconds since 1970)',
  ]);
  t.strictSame(details({ ...base, amount: 1 }), ['/currency is required with an amount']);
  t.strictSame(details({ ...base, currency: 'ZZZ' }), ['/currency is not a currency of ISO 4217']);
  const way = "leave it out, and give the line's total as its `amount`";
  t.strictSame(details({ ...base, items: [{ ...item, price: 179.9 }] }), [`/items/0/price must be integer: ${way}`]);
  t.strictSame(details({ ...base, items: [{ sku: 'A', qty: 1 }] }), [
    "/items/0/price is required, unless the line's total is given as its `amount`",
  ]);
  t.strictSame(details({ ...base, attrs: 'x'.repeat(5000) }), ['/attrs must be at most 4096 bytes of JSON']);
});

t.test('an event that is wrong all over gets some twenty errors, not thousands', async (t) => {
  t.equal(pointers({ ...base, items: Array.from({ length: 2_000 }, () => ({})) }).length, 20);
  t.equal(pointers({ ...base, items: Array.from({ length: 2_000 }, () => ({ ...item, qty: 0.0001 })) }).length, 20);
  t.equal(pointers(Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`x${i}`, i]))).length, 20);
});

t.test('pointers are escaped as in RFC 6901', async (t) => {
  t.strictSame(pointers({ ...base, 'a/b~c': 1 }), ['/a~1b~0c']);
  t.strictSame(pointers({ ...base, dims: { 'a/b~c': 'v' } }), ['/dims/a~1b~0c']);
  t.strictSame(pointers({ ...base, dims: { 'a/b~c': '\ud800' } }), ['/dims/a~1b~0c']);
  t.strictSame(pointers({ ...base, items: [{ ...item, 'x/y': 1 }] }), ['/items/0/x~1y']);
});

t.test("keys that JavaScript gives a meaning are a till's keys like others", async (t) => {
  const refused = (json: string) => {
    const parsed = parseText(json);
    return parsed.ok ? [] : parsed.errors.map(({ pointer }) => pointer);
  };
  t.strictSame(refused('{"type":"sale","__proto__":{"amount":1}}'), ['/__proto__']);
  t.strictSame(refused('{"__proto__":{"type":"sale"}}').sort(), ['/__proto__', '/type']);
  t.strictSame(refused('{"type":"sale","constructor":1,"toString":1}'), ['/constructor', '/toString']);
  t.strictSame(refused('{"type":"sale","dims":{"__proto__":"x"}}'), ['/dims/__proto__']);
  t.strictSame(refused('{"type":"sale","dims":{"__proto__":{"store":"s1"}}}'), ['/dims/__proto__']);
  t.strictSame(refused('{"type":"sale","items":[{"__proto__":{"sku":"a","qty":1,"price":1}}]}').sort(), [
    '/items/0/__proto__',
    '/items/0/price',
    '/items/0/qty',
    '/items/0/sku',
  ]);
  const parsed = parseText('{"type":"sale","dims":{"constructor":"x"},"attrs":{"__proto__":{"a":1}}}');
  t.match(parsed, { ok: true, event: { dims: ['constructor', 'x'], attrs: '{"__proto__":{"a":1}}' } });
  t.equal(({} as { a?: number }).a, undefined);
});

t.test('attrs nested however deeply are kept or refused', async (t) => {
  const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown;
  t.equal(accepted({ ...base, attrs: nested(2_048) }).attrs?.length, 4_096);
  t.strictSame(pointers({ ...base, attrs: nested(2_049) }), ['/attrs']);
  t.strictSame(pointers({ ...base, attrs: nested(100_000) }), ['/attrs']);
  t.strictSame(pointers({ ...base, dims: nested(100_000), extra: nested(100_000) }).sort(), ['/dims', '/extra']);
});

t.test('half a surrogate pair in attrs travels as an escape', async (t) => {
  t.equal(accepted({ ...base, attrs: '\ud83d' }).attrs, '"\\ud83d"');
});

t.test("an event's store is its own, else the agent's", async (t) => {
  t.equal(accepted(base).store, null);
  t.equal(accepted(base, storeId('s9')).store, 's9');
  t.equal(accepted({ ...base, dims: { store: 's1' } }, storeId('s9')).store, 's1');
});

t.test('dims are sorted, and found by their key', async (t) => {
  const event = accepted({ ...base, dims: { store: 's1', b: '2', a: '1', b_: '3', b1: '4' } });
  t.strictSame(event.dims, ['a', '1', 'b', '2', 'b1', '4', 'b_', '3', 'store', 's1']);
  t.equal(dimension(event, 'b1'), '4');
  t.equal(dimension(event, '4'), null, 'not by a value');
  t.equal(dimension(event, 'constructor'), null);
});

t.test("without a ts it is the machine's time, if that can be one", async (t) => {
  t.match(parseEvent(base, { now: MIN_TS, store: null }), { ok: true, event: { ts: MIN_TS, flags: FLAG.tsDefaulted } });
  for (const now of [0, MIN_TS - 1, MAX_TS, Number.NaN]) {
    t.match(parseEvent(base, { now, store: null }), { ok: false, errors: [{ pointer: '/ts', detail: /clock/ }] });
    t.match(parseEvent({ ...base, ts: NOW }, { now, store: null }), { ok: true }, 'a ts of its own does without');
  }
});

t.test('a zero below zero is an ordinary zero', async (t) => {
  const parsed = parseText('{"type":"sale","amount":-0,"currency":"GBP","items":[{"sku":"a","qty":1,"price":-0}]}');
  t.ok(parsed.ok && Object.is(parsed.event.amount, 0) && Object.is(parsed.event.items[0]?.price, 0));
});

t.test('every currency that ICU knows is known', async (t) => {
  t.strictSame(
    Intl.supportedValuesOf('currency').filter((code) => !CURRENCIES.has(code)),
    [],
  );
  t.strictSame(
    [...CURRENCIES].filter((code) => !/^[A-Z]{3}$/.test(code)),
    [],
  );
});

const qtyOf = (qty: unknown) => accepted({ ...base, items: [{ ...item, qty }] }).items[0]!.qty;

holds(
  t,
  'a qty of any number of thousandths is kept exactly',
  fc.property(fc.integer({ min: 1, max: 1e12 }), (thousandths) => {
    const decimal = `${Math.trunc(thousandths / 1000)}.${String(thousandths % 1000).padStart(3, '0')}`;
    return qtyOf(JSON.parse(decimal)) === thousandths && qtyOf(thousandths / 1000) === thousandths;
  }),
  { numRuns: 2_000, examples: [[1], [999], [1e12], [1e12 - 1]] },
);

holds(
  t,
  'a qty with a fourth decimal is refused',
  fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 1, max: 9 }), (thousandths, fourth) => {
    const decimal = `${Math.trunc(thousandths / 1000)}.${String(thousandths % 1000).padStart(3, '0')}${fourth}`;
    return isDeepStrictEqual(pointers({ ...base, items: [{ ...item, qty: JSON.parse(decimal) }] }), ['/items/0/qty']);
  }),
  { numRuns: 2_000 },
);

/** Objects that come near to an event: known keys with any values, some of them good. */
const nearly = fc.dictionary(
  fc.constantFrom('type', 'ts', 'amount', 'currency', 'ref', 'dims', 'items', 'attrs', '__proto__', 'constructor', 'x'),
  fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('sale', 'GBP', 100, 1e12, '2026-11-22T09:30:00Z'),
    fc.dictionary(fc.constantFrom('store', 'method', 'A', '__proto__'), fc.oneof(fc.string(), fc.jsonValue())),
    fc.array(fc.dictionary(fc.constantFrom('sku', 'qty', 'price', 'x'), fc.oneof(fc.double(), fc.string(), fc.nat()))),
  ),
);

holds(
  t,
  'any JSON gives an event or errors, never throws',
  fc.property(fc.oneof(fc.jsonValue(), fc.jsonValue({ stringUnit: codePoint }), nearly), (input) => {
    const parsed = parseEvent(input, context);
    return parsed.ok || (parsed.errors.length > 0 && parsed.errors.every(({ pointer }) => /^(\/|$)/.test(pointer)));
  }),
  { numRuns: 2_000 },
);

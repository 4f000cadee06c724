import t from 'tap';
import { parseEvent } from '../../../../shared/event/parse.ts';
import { MAX_TS, MIN_TS } from '../../../../shared/time.ts';

// Each rule that contracts.md gives for an event, with its bounds from both sides.

const NOW = Date.UTC(2026, 10, 22, 9, 30);

/** Pointers of the errors, in their order; empty when the event is good. */
const pointers = (input: unknown): string[] => {
  const parsed = parseEvent(input, { now: NOW, store: null });
  return parsed.ok ? [] : parsed.errors.map(({ pointer }) => pointer);
};

const base = { type: 'sale' };
const item = { sku: 'A1', qty: 1, price: 100 };
const dims = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));

/** What is taken, and what is refused with these pointers. */
const RULES: { rule: string; good: unknown[]; bad: [unknown, string[]][] }[] = [
  {
    rule: 'an event is a JSON object with a type and no unknown keys',
    good: [base],
    bad: [
      [null, ['']],
      [[], ['']],
      [[base], ['']],
      ['sale', ['']],
      [1, ['']],
      [true, ['']],
      [{}, ['/type']],
      [{ ...base, Type: 1 }, ['/Type']],
      [{ ...base, quantity: 1, total: 2 }, ['/quantity', '/total']],
    ],
  },
  {
    rule: 'type is 1 to 32 of a-z, 0-9, underscore and dot, beginning with a letter',
    good: ['a', 'sale', 'refund', 'loyalty.points_2', `a${'.'.repeat(31)}`].map((type) => ({ type })),
    bad: ['', 'Sale', '1sale', '_a', '.a', 'sale ', 'sale\n', 'a-b', 'é', `a${'b'.repeat(32)}`, null, 1].map((type) => [
      { type },
      ['/type'],
    ]),
  },
  {
    rule: 'ts is ISO 8601 with an offset or epoch milliseconds, from 2000 to 2100',
    good: ['2026-11-22T09:30:00+05:30', '2026-11-22T09:30:00.123456789Z', MIN_TS, MAX_TS - 1].map((ts) => ({
      ...base,
      ts,
    })),
    bad: [
      '2026-11-22T09:30:00',
      '2026-02-30T00:00:00Z',
      '2026-11-22T09:30:00.1234567890Z',
      MIN_TS - 1,
      MAX_TS,
      NOW + 0.5,
      1e300,
      true,
      {},
      ['2026-11-22T09:30:00Z'],
      '2'.repeat(1000),
    ].map((ts) => [{ ...base, ts }, ['/ts']]),
  },
  {
    rule: 'amount is whole minor units from 0 to 10^12',
    good: [0, 1, 1e12].map((amount) => ({ ...base, amount, currency: 'GBP' })),
    bad: [-1, 0.5, 1e12 + 1, 1e300, '1', {}].map((amount) => [{ ...base, amount, currency: 'GBP' }, ['/amount']]),
  },
  {
    rule: 'currency is of ISO 4217 and required with an amount',
    good: ['GBP', 'INR', 'JPY', 'VED', 'XCG', 'DEM', 'CHE'].map((currency) => ({ ...base, currency })),
    bad: [
      [{ ...base, amount: 1 }, ['/currency']],
      [{ ...base, amount: 0 }, ['/currency']],
      ...['', 'gbp', 'GB', 'GBPX', 'ZZZ', 'XXX', 'XTS', 'XAU', '£', null, 826].map((currency): [unknown, string[]] => [
        { ...base, amount: 1, currency },
        ['/currency'],
      ]),
    ],
  },
  {
    rule: 'ref is 1 to 64 characters',
    good: ['1', 'x'.repeat(64), '😀'.repeat(64), 'é'.repeat(64), `e${'\u0301'.repeat(64)}`, ' ', '\0'].map((ref) => ({
      ...base,
      ref,
    })),
    bad: ['', 'x'.repeat(65), '😀'.repeat(65), `x${'\u0301'.repeat(64)}`, 1].map((ref) => [{ ...base, ref }, ['/ref']]),
  },
  {
    rule: 'dims are up to 16 keys with texts of up to 64 characters',
    good: [{}, dims(16), { k: '' }, { k: '😀'.repeat(64) }, { [`k${'_'.repeat(31)}`]: 'v' }].map((given) => ({
      ...base,
      dims: given,
    })),
    bad: [
      [{ ...base, dims: dims(17) }, ['/dims']],
      [{ ...base, dims: [] }, ['/dims']],
      [{ ...base, dims: 'method' }, ['/dims']],
      ...['', 'K', '1k', '_k', 'k-k', 'k.k', 'k ', `k${'_'.repeat(32)}`].map((key): [unknown, string[]] => [
        { ...base, dims: { [key]: 'v' } },
        [`/dims/${key}`],
      ]),
      ...['x'.repeat(65), '😀'.repeat(65), 1, true, ['v'], {}].map((k): [unknown, string[]] => [
        { ...base, dims: { k } },
        ['/dims/k'],
      ]),
    ],
  },
  {
    rule: 'dims.store is a store id',
    good: ['s1', 'united-kingdom', 'z'.repeat(64)].map((store) => ({ ...base, dims: { store } })),
    bad: ['United Kingdom', '-s', 'z'.repeat(65), 1].map((store) => [{ ...base, dims: { store } }, ['/dims/store']]),
  },
  {
    rule: 'items are up to 2,000, each of a sku, a qty, a price or an amount, and nothing else',
    good: [[], [item], Array.from({ length: 2_000 }, () => item)].map((items) => ({ ...base, items })),
    bad: [
      [{ ...base, items: Array.from({ length: 2_001 }, () => item) }, ['/items']],
      [{ ...base, items: item }, ['/items']],
      [{ ...base, items: [item, null, 'A1', []] }, ['/items/1', '/items/2', '/items/3']],
      [{ ...base, items: [{}] }, ['/items/0/sku', '/items/0/qty', '/items/0/price']],
      [{ ...base, items: [item, { ...item, name: 'Apple' }] }, ['/items/1/name']],
    ],
  },
  {
    rule: 'sku is up to 64 characters',
    good: ['', 'x'.repeat(64), '😀'.repeat(64)].map((sku) => ({ ...base, items: [{ ...item, sku }] })),
    bad: ['x'.repeat(65), '😀'.repeat(65), 1, null].map((sku) => [
      { ...base, items: [{ ...item, sku }] },
      ['/items/0/sku'],
    ]),
  },
  {
    rule: 'qty has up to three decimals, of any sign, and is 0 for a voided line',
    good: [0, -0, 0.001, 0.1, 0.3, 1, 2.675, 1e9, -0.001, -2.675, -1e9].map((qty) => ({
      ...base,
      items: [{ ...item, qty }],
    })),
    bad: [0.0001, 0.0005, 1.0001, -1.0001, 2.6755, 0.1 + 0.2, 5e-324, 1e9 + 1, -1e9 - 1, 1e300, '1', null].map(
      (qty) => [{ ...base, items: [{ ...item, qty }] }, ['/items/0/qty']],
    ),
  },
  {
    rule: 'price is whole minor units of any sign',
    good: [0, -0, 1, -1, 1e12, -1e12].map((price) => ({ ...base, items: [{ ...item, price }] })),
    bad: [0.5, -179.9, 1e12 + 1, -1e12 - 1, '1', null].map((price) => [
      { ...base, items: [{ ...item, price }] },
      ['/items/0/price'],
    ]),
  },
  {
    rule: 'an amount of an item is whole minor units of any sign, and the price is then optional',
    good: [0, -0, 1, -1, 1e12, -1e12].flatMap((amount) =>
      [
        { ...item, amount },
        { sku: 'A1', qty: 0.435, amount },
        { ...item, price: null, amount },
      ].map((line) => ({
        ...base,
        items: [line],
      })),
    ),
    bad: [
      ...[0.5, -179.9, 1e12 + 1, -1e12 - 1, '1'].map((amount): [unknown, string[]] => [
        { ...base, items: [{ ...item, amount }] },
        ['/items/0/amount'],
      ]),
      [{ ...base, items: [{ sku: 'A1', qty: 1, amount: null }] }, ['/items/0/price']],
    ],
  },
  {
    rule: 'attrs are any JSON of up to 4 KiB, counted in UTF-8 bytes without spaces',
    good: [null, true, 1, 'x', [], {}, { a: [{ b: null }] }, 'x'.repeat(4094), 'é'.repeat(2047)].map((attrs) => ({
      ...base,
      attrs,
    })),
    bad: ['x'.repeat(4095), 'é'.repeat(2048), '€'.repeat(1365), Array(2049).fill(1)].map((attrs) => [
      { ...base, attrs },
      ['/attrs'],
    ]),
  },
  {
    rule: 'an optional field that is null is left out, a required one is missing',
    good: [
      { ts: null, amount: null, currency: null, ref: null, dims: null, items: null, attrs: null },
      { amount: null, currency: 'GBP' },
      { dims: { customer: null, store: null, method: '' } },
      { attrs: { a: null } },
    ].map((given) => ({ ...base, ...given })),
    bad: [
      [{ type: null }, ['/type']],
      [{ ...base, amount: 1, currency: null }, ['/currency']],
      [{ ...base, items: [{ sku: null, qty: null, price: null }] }, ['/items/0/sku', '/items/0/qty', '/items/0/price']],
      [{ ...base, items: [{ ...item, name: null }] }, ['/items/0/name']],
      [{ ...base, total: null }, ['/total']],
    ],
  },
  {
    rule: 'half a surrogate pair is refused where a text is kept as it is',
    good: [{ ...base, ref: '\ud83d\ude00' }],
    bad: [
      [{ ...base, ref: '\ud83d' }, ['/ref']],
      [{ ...base, dims: { k: 'a\ude00b' } }, ['/dims/k']],
      [{ ...base, items: [item, { ...item, sku: '\ude00\ud83d' }] }, ['/items/1/sku']],
    ],
  },
];

for (const { rule, good, bad } of RULES) {
  t.test(rule, async (t) => {
    for (const input of good) t.strictSame(pointers(input), [], JSON.stringify(input).slice(0, 80));
    for (const [input, expected] of bad) {
      t.strictSame(pointers(input), expected, JSON.stringify(input)?.slice(0, 80));
    }
  });
}

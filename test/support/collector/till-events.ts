/**
 * Events for tests: one by hand, or many by fast-check from small sets of values, so that groups
 * meet.
 */
import fc from 'fast-check';
import { RULES } from '../../../collector/aggregation/logic/logic-rules.ts';
import type { Item, TillEvent } from '../../../shared/event/event.ts';
import { type StoreId, storeId } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';

/** 2011-03-27T00:00Z, a Sunday: an hour later the clocks of London go forward. */
export const HOUR = Date.UTC(2011, 2, 27) / HOUR_MS;

/** Dimensions of the logic version that the tests fold with. */
export const LOGIC = { version: 1, dimensions: ['method', 'cashier'], rules: RULES[1]! } as const;

/** A sale of 1.00 GBP at the start of `HOUR` by default. Dimensions as an object. */
export function tillEvent(
  given: Partial<Omit<TillEvent, 'dims'>> & { dims?: Readonly<Record<string, string>> } = {},
): TillEvent {
  const { dims = {}, ...rest } = given;
  return {
    type: 'sale',
    ts: HOUR * HOUR_MS,
    offset: 0,
    flags: 0,
    amount: 100,
    currency: 'GBP',
    ref: null,
    store: null,
    items: [],
    attrs: null,
    ...rest,
    dims: Object.keys(dims)
      .sort()
      .flatMap((key) => [key, dims[key]!]),
  };
}

const STORES = ['france', 'leeds', 'paris'].map(storeId);

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { freq: 3 });

/** Hostile text among the plain: separators of every name that the product builds out of values. */
const text = fc.constantFrom('cash', 'upi', '', '~', '1:a', 'a,b', '"', '(other)', '__proto__', 'constructor', 'ø');

/** Without the dimensions that are null. */
const given = (dims: Readonly<Record<string, string | null>>): Record<string, string> =>
  Object.fromEntries(Object.entries(dims).filter((entry): entry is [string, string] => entry[1] !== null));

const money = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 2_000 }) }, fc.integer({ min: 0, max: 1e12 }));

const signed = fc.oneof(
  money,
  money.map((value) => 0 - value),
);

/** A line of a receipt: returned, voided, a discount, with its total in place of a price or beside it. */
const item: fc.Arbitrary<Item> = fc
  .record(
    {
      sku: fc.constantFrom('A', 'B', '(other)'),
      qty: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 5_000 }) }, fc.integer({ min: -5_000, max: 0 })),
      price: fc.oneof({ weight: 4, arbitrary: money }, signed, fc.constant(null)),
      amount: signed,
    },
    { requiredKeys: ['sku', 'qty', 'price'] },
  )
  .filter(({ price, amount }) => price !== null || amount !== undefined);

export const arbitraryEvent = (hour: number): fc.Arbitrary<TillEvent> =>
  fc
    .record({
      type: fc.constantFrom('sale', 'sale', 'sale', 'refund', 'void', 'adjustment'),
      ts: fc.integer({ min: hour * HOUR_MS, max: (hour + 1) * HOUR_MS - 1 }),
      offset: fc.constantFrom(0, 60, 330),
      money: optional(fc.record({ amount: optional(money), currency: fc.constantFrom('GBP', 'EUR', 'JPY') })),
      ref: optional(fc.constantFrom('R-1', 'R-2')),
      store: optional(fc.constantFrom<StoreId>(...STORES)),
      method: optional(text),
      cashier: optional(fc.constantFrom('c1', 'c2')),
      customer: optional(fc.constantFrom('u1', 'u2', 'u3', 'u4')),
      items: fc.array(item, { maxLength: 3 }),
    })
    .map(({ money, method, cashier, customer, ...rest }) =>
      tillEvent({
        ...rest,
        amount: money?.amount ?? null,
        currency: money?.currency ?? null,
        dims: given({ method, cashier, customer }),
      }),
    );

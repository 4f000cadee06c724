import fc from 'fast-check';
import type { Item, TillEvent } from '../../../shared/event/event.ts';
import { MAX_MONEY, MAX_TEXT } from '../../../shared/event/schema.ts';
import type { Epoch, StoreId } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import type { BatchIdentity } from '../../../shared/wire/batch.ts';
import { codePoint } from './code-point.ts';

/** 2026-11-22T09:00Z */
export const HOUR = 498_705;

export const IDENTITY: BatchIdentity = {
  epoch: '9f3c0000000000a1' as Epoch,
  firstSeq: 41,
  hour: HOUR,
  clearThrough: 1_795_339_740_000,
};

/** From a small stock, so that a batch's string table is shared, or of any characters. */
const text = (...stock: string[]): fc.Arbitrary<string> =>
  fc.oneof(fc.constantFrom('', ...stock), fc.string({ unit: codePoint, maxLength: MAX_TEXT }));

const head = fc.constantFrom(...'abcxyz');
const name = (tail: string, maxLength: number): fc.Arbitrary<string> =>
  fc
    .tuple(head, fc.string({ unit: fc.constantFrom(...tail), maxLength: maxLength - 1 }))
    .map((parts) => parts.join(''));

const money = fc.oneof(fc.constantFrom(0, 127, 128, MAX_MONEY), fc.nat({ max: 100_000 }), fc.nat({ max: MAX_MONEY }));

const dims = fc
  .uniqueArray(
    fc.tuple(fc.oneof(fc.constantFrom('method', 'cashier', 'constructor'), name('a1_', 32)), text('upi', 'c1')),
    {
      maxLength: 16,
      selector: ([key]) => key,
    },
  )
  .map((pairs) => pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)).flat());

const signed = (size: fc.Arbitrary<number>): fc.Arbitrary<number> =>
  fc.tuple(size, fc.boolean()).map(([value, isNegative]) => (isNegative ? 0 - value : value));

const sku = text('A1', 'B2', 'é€😀');
const qty = fc.oneof(fc.constantFrom(1, 1_000, 1e12), fc.integer({ min: 1, max: 1e12 }));

const plainItem: fc.Arbitrary<Item> = fc.record({ sku, qty, price: money }, { noNullPrototype: true });

/** A line of a receipt: of any sign, voided, with its total, without a price. */
const receiptLine: fc.Arbitrary<Item> = fc
  .record(
    { sku, qty: signed(fc.oneof(fc.constant(0), qty)), price: fc.option(signed(money)), amount: signed(money) },
    { noNullPrototype: true, requiredKeys: ['sku', 'qty', 'price'] },
  )
  .filter(({ price, amount }) => price !== null || amount !== undefined);

const items = fc.oneof(
  { weight: 2, arbitrary: fc.array(plainItem, { maxLength: 20 }) },
  { weight: 1, arbitrary: fc.array(fc.oneof(plainItem, receiptLine), { maxLength: 20 }) },
);

/** An event of `HOUR`, with every combination of fields that the parser gives. */
export const arbitraryEvent: fc.Arbitrary<TillEvent> = fc
  .record(
    {
      type: fc.oneof(fc.constantFrom('sale', 'refund', 'void'), name('a1_.', 32)),
      ts: fc.integer({ min: HOUR * HOUR_MS, max: (HOUR + 1) * HOUR_MS - 1 }),
      offset: fc.integer({ min: -1080, max: 1080 }),
      flags: fc.nat({ max: 7 }),
      money: fc.constantFrom<[boolean, string | null]>([false, null], [false, 'GBP'], [true, 'GBP'], [true, 'INR']),
      amount: money,
      ref: fc.option(text('R-1')),
      store: fc.option(name('a1_-', 64) as fc.Arbitrary<StoreId>),
      dims,
      items,
      attrs: fc.option(fc.jsonValue({ stringUnit: codePoint }).map((value) => JSON.stringify(value))),
    },
    { noNullPrototype: true },
  )
  .filter(({ attrs }) => attrs === null || Buffer.byteLength(attrs) <= 4_096)
  .map(({ money: [hasAmount, currency], amount, ...rest }) => ({
    ...rest,
    amount: hasAmount ? amount : null,
    currency,
  }));

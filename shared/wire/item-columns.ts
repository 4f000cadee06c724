/** Decodes the columns of the items, checked against the bounds of an item. */
import type { Item } from '../event/event.ts';
import { MAX_ITEMS, MAX_MONEY, MAX_QTY } from '../event/schema.ts';
import { ITEM_AMOUNTS } from './column-encoder.ts';
import { type BodyColumns, refuse, whole } from './column-reader.ts';
import { isShort, type StringTable } from './string-table.ts';

const NO_ITEMS: readonly Item[] = [];

/** The items of the events, in their order: each call takes those of the next event. */
export class ItemColumns {
  readonly #count: (event: number) => unknown;
  readonly #skus: readonly unknown[];
  readonly #qtys: readonly unknown[];
  readonly #prices: readonly unknown[];
  /** Null unless an item has a total. */
  readonly #amounts: readonly unknown[] | null;
  readonly #receiptLines: boolean;
  readonly #skuOf: (index: unknown) => string;
  #at = 0;

  /** @param receiptLines see `BatchHeader`; without it nothing is known of column 17 */
  constructor(columns: BodyColumns, table: StringTable, receiptLines: boolean) {
    this.#skuOf = table.form('sku', isShort);
    this.#count = columns.perEvent(13, 'items');
    this.#skus = columns.flat(14, 'skus');
    this.#qtys = columns.flat(15, 'qtys');
    this.#prices = columns.flat(16, 'prices');
    this.#amounts = receiptLines && columns.has(ITEM_AMOUNTS) ? columns.flat(ITEM_AMOUNTS, 'item totals') : null;
    this.#receiptLines = receiptLines;
    const lengths = [this.#qtys, this.#prices, this.#amounts ?? this.#skus].map(({ length }) => length);
    if (lengths.some((length) => length !== this.#skus.length)) refuse('the columns of the items differ in length');
  }

  get isAtEnd(): boolean {
    return this.#at === this.#skus.length;
  }

  take(event: number): readonly Item[] {
    const count = whole(this.#count(event), 0, MAX_ITEMS, 'number of items');
    if (count === 0) return NO_ITEMS;
    const items = new Array<Item>(count);
    for (let i = 0; i < count; i++, this.#at++) items[i] = this.#receiptLines ? this.#line() : this.#item();
    return items;
  }

  #item(): Item {
    return {
      sku: this.#skuOf(this.#skus[this.#at]),
      qty: whole(this.#qtys[this.#at], 1, 1000 * MAX_QTY, 'qty'),
      price: whole(this.#prices[this.#at], 0, MAX_MONEY, 'price'),
    };
  }

  #line(): Item {
    const price = this.#prices[this.#at];
    const amount = this.#amounts?.[this.#at] ?? null;
    if (price === null && amount === null) refuse('an item has neither price nor total');
    const sku = this.#skuOf(this.#skus[this.#at]);
    const qty = whole(this.#qtys[this.#at], -1000 * MAX_QTY, 1000 * MAX_QTY, 'qty');
    const checkedPrice = price === null ? null : whole(price, -MAX_MONEY, MAX_MONEY, 'price');
    // A spread object would take twice the memory.
    return amount === null
      ? { sku, qty, price: checkedPrice }
      : { sku, qty, price: checkedPrice, amount: whole(amount, -MAX_MONEY, MAX_MONEY, 'item total') };
  }
}

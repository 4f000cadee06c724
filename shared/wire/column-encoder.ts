/**
 * Encodes events as the body of a batch: columns in a MessagePack array.
 *
 *     0  strings: the batch's own table; a text elsewhere is an index into it
 *     1  type
 *     2  ts: ms since the start of the hour for the first, since the previous event for the others
 *     3  offset
 *     4  flags
 *     5  amount | nil
 *     6  currency | nil
 *     7  ref | nil
 *     8  store | nil
 *     9  attrs | nil
 *     10 dims: how many per event, 11 their keys, flat, 12 their values, flat
 *     13 items: how many per event, 14 skus, flat, 15 qtys, flat, 16 prices, flat
 *     17 item totals | nil, flat; only where an item has one
 *     18 … columns of later versions of the writer, kept with the stored bytes
 *
 * Columns 1 to 10 and 13 are either an array with one entry per event or, where all entries are
 * equal, that entry alone.
 */
import type { Item, TillEvent } from '../event/event.ts';
import { HOUR_MS } from '../time.ts';
import { decodedBytes } from './batch-bounds.ts';

/** Columns that each body has. */
export const COLUMNS = 17;
/** The column of the item totals. */
export const ITEM_AMOUNTS = 17;

type Value = number | null;

/** One value per event, in the short form while all are equal. */
class Column<T> {
  #count = 0;
  #first: T | null = null;
  /** Set from the first different value on. */
  #all: T[] | null = null;

  push(value: T): void {
    if (this.#count === 0) this.#first = value;
    else if (this.#all === null && value !== this.#first) this.#all = new Array<T>(this.#count).fill(this.#first as T);
    this.#all?.push(value);
    this.#count++;
  }

  /** @param as converts a value to its written form */
  written(as: (value: T) => Value): Value | Value[] {
    return this.#all?.map(as) ?? (this.#count === 0 ? null : as(this.#first as T));
  }
}

const identity = (value: Value): Value => value;

/**
 * Collects events one by one without keeping them: a reader of thousands of events from disk holds
 * only their columns, a tenth of their size as objects.
 */
export class Columns {
  readonly #strings: string[] = [];
  readonly #index = new Map<string, number>();
  readonly #type = new Column<string>();
  readonly #ts = new Column<number>();
  readonly #offset = new Column<number>();
  readonly #flags = new Column<number>();
  readonly #amount = new Column<Value>();
  readonly #currency = new Column<string | null>();
  readonly #ref = new Column<string | null>();
  readonly #store = new Column<string | null>();
  readonly #attrs = new Column<string | null>();
  readonly #dims = new Column<number>();
  readonly #dimKeys: number[] = [];
  readonly #dimValues: number[] = [];
  readonly #items = new Column<number>();
  readonly #skus: number[] = [];
  readonly #qtys: number[] = [];
  readonly #prices: Value[] = [];
  /** Of the items so far; set from the first with a total on. */
  #itemAmounts: Value[] | null = null;
  #receiptLines = false;
  /** Milliseconds since 1970 of the previous event. */
  #before: number;
  #count = 0;
  /** Characters of attrs so far. */
  #attrsLength = 0;

  /** @param hour hours since 1970, which contains all events */
  constructor(hour: number) {
    this.#before = hour * HOUR_MS;
  }

  /** The columns of all events. */
  static of(events: Iterable<TillEvent>, hour: number): Columns {
    const columns = new Columns(hour);
    for (const event of events) columns.add(event);
    return columns;
  }

  /** Number of events so far. */
  get count(): number {
    return this.#count;
  }

  /** See `BatchHeader.receiptLines`. */
  get receiptLines(): boolean {
    return this.#receiptLines;
  }

  /** Bytes of memory of the events so far, as `decodedBytes` counts it. */
  get decodedBytes(): number {
    const [items, dims] = [this.#skus.length, this.#dimKeys.length];
    return decodedBytes({ events: this.#count, items, dims, attrs: this.#attrsLength });
  }

  add({ type, ts, offset, flags, amount, currency, ref, store, dims, items, attrs }: TillEvent): void {
    this.#count++;
    this.#type.push(type);
    this.#ts.push(ts - this.#before);
    this.#before = ts;
    this.#offset.push(offset);
    this.#flags.push(flags);
    this.#amount.push(amount);
    this.#currency.push(currency);
    this.#ref.push(ref);
    this.#store.push(store);
    this.#attrs.push(attrs);
    this.#attrsLength += attrs?.length ?? 0;
    this.#dims.push(dims.length / 2);
    for (let at = 0; at < dims.length; at += 2) {
      this.#dimKeys.push(this.#text(dims[at]!));
      this.#dimValues.push(this.#text(dims[at + 1]!));
    }
    this.#items.push(items.length);
    for (const item of items) this.#addItem(item);
  }

  #addItem({ sku, qty, price, amount }: Item): void {
    if (amount !== undefined) this.#itemAmounts ??= new Array<Value>(this.#skus.length).fill(null);
    this.#itemAmounts?.push(amount ?? null);
    this.#receiptLines ||= amount !== undefined || qty <= 0 || price === null || price < 0;
    this.#skus.push(this.#text(sku));
    this.#qtys.push(qty);
    this.#prices.push(price);
  }

  /**
   * The body's array. Call it once all events are added: the table has the texts of the events
   * after those of their dims and items.
   */
  body(): unknown[] {
    const text = (value: string): number => this.#text(value);
    const textOrNil = (value: string | null): Value => (value === null ? null : this.#text(value));
    return [
      this.#strings,
      this.#type.written(text),
      this.#ts.written(identity),
      this.#offset.written(identity),
      this.#flags.written(identity),
      this.#amount.written(identity),
      this.#currency.written(textOrNil),
      this.#ref.written(textOrNil),
      this.#store.written(textOrNil),
      this.#attrs.written(textOrNil),
      this.#dims.written(identity),
      this.#dimKeys,
      this.#dimValues,
      this.#items.written(identity),
      this.#skus,
      this.#qtys,
      this.#prices,
      ...(this.#itemAmounts === null ? [] : [this.#itemAmounts]),
    ];
  }

  #text(value: string): number {
    let at = this.#index.get(value);
    if (at === undefined) {
      at = this.#strings.push(value) - 1;
      this.#index.set(value, at);
    }
    return at;
  }
}

/**
 * Decodes columns (`column-encoder.ts`) into events, checked against the bounds of an event: every
 * reader of the raw log relies on them.
 */
import { Buffer } from 'node:buffer';
import type { Item, TillEvent } from '../event/event.ts';
import {
  CURRENCY_PATTERN,
  DIMENSION_KEY_PATTERN,
  EVENT_TYPE_PATTERN,
  MAX_ATTRS_BYTES,
  MAX_DIMS,
  MAX_ITEMS,
  MAX_MONEY,
  MAX_QTY,
  MAX_TEXT,
} from '../event/schema.ts';
import { MAX_OFFSET_MINUTES } from '../event/timestamp.ts';
import { isId, type StoreId } from '../ids.ts';
import { HOUR_MS } from '../time.ts';
import { COLUMNS } from './column-encoder.ts';

export class InvalidColumns extends Error {
  override readonly name = 'InvalidColumns';
}

const refuse = (detail: string): never => {
  throw new InvalidColumns(detail);
};

function whole(value: unknown, min: number, max: number, what: string): number {
  const number = value as number;
  // Adding zero turns -0, which a float may hold, into 0.
  return Number.isInteger(number) && number >= min && number <= max ? number + 0 : refuse(`${what} is out of range`);
}

const EVENT_TYPE = new RegExp(EVENT_TYPE_PATTERN);
const CURRENCY = new RegExp(CURRENCY_PATTERN);
const DIMENSION_KEY = new RegExp(DIMENSION_KEY_PATTERN);

const isShort = (text: string): boolean =>
  text.length <= MAX_TEXT || (text.length <= 2 * MAX_TEXT && [...text].length <= MAX_TEXT);

function isAttrs(text: string): boolean {
  if (Buffer.byteLength(text) > MAX_ATTRS_BYTES) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * A batch's string table. Each use has a form, which is checked once per entry, not once per event.
 */
class StringTable {
  readonly #texts: readonly string[];
  /** One bit per form: the forms that an entry was found to have. */
  readonly #checked: Uint8Array;
  #forms = 0;

  constructor(column: unknown) {
    if (!Array.isArray(column) || !column.every((entry) => typeof entry === 'string' && entry.isWellFormed())) {
      refuse('the string table holds something else than texts');
    }
    this.#texts = column as string[];
    this.#checked = new Uint8Array(this.#texts.length);
  }

  /**
   * @returns a reader of indexes into the table that checks the entries' form; eight forms at most
   */
  form(what: string, matches: (text: string) => boolean): (index: unknown) => string {
    const bit = 1 << this.#forms++;
    return (index) => {
      const at = index as number;
      const text = typeof index === 'number' ? this.#texts[at] : undefined;
      if (text === undefined) return refuse(`${what} points outside the string table`);
      if ((this.#checked[at]! & bit) === 0) {
        if (!matches(text)) return refuse(`${what} is malformed`);
        this.#checked[at]! |= bit;
      }
      return text;
    };
  }
}

const orNull =
  <T>(read: (value: unknown) => T) =>
  (value: unknown): T | null =>
    value === null ? null : read(value);

const NO_ITEMS: readonly Item[] = [];

/**
 * Decodes the events of a body that `message-pack.ts` unpacked.
 *
 * @throws InvalidColumns when it is not `count` events of `hour` within an event's bounds
 */
export function fromColumns(body: unknown, count: number, hour: number): TillEvent[] {
  if (!Array.isArray(body) || body.length < COLUMNS) return refuse('the body is not an array of columns');
  const columns: unknown[] = body;

  const perEvent = (at: number, what: string): ((event: number) => unknown) => {
    const column = columns[at];
    if (!Array.isArray(column)) return () => column;
    if (column.length !== count) return refuse(`column ${what} has ${column.length} entries for ${count} events`);
    return (event) => column[event];
  };
  const flat = (at: number, what: string): unknown[] => {
    const column = columns[at];
    return Array.isArray(column) ? column : refuse(`column ${what} is not an array`);
  };

  const table = new StringTable(columns[0]);
  const typeOf = table.form('type', (text) => EVENT_TYPE.test(text));
  const currencyOf = orNull(table.form('currency', (text) => CURRENCY.test(text)));
  const refOf = orNull(table.form('ref', isShort));
  const storeOf = orNull(table.form('store', isId));
  const attrsOf = orNull(table.form('attrs', isAttrs));
  const dimKeyOf = table.form('dim key', (text) => DIMENSION_KEY.test(text));
  const dimValueOf = table.form('dim value', isShort);
  const skuOf = table.form('sku', isShort);
  const amountOf = orNull((value) => whole(value, 0, MAX_MONEY, 'amount'));

  const type = perEvent(1, 'type');
  const ts = perEvent(2, 'ts');
  const offset = perEvent(3, 'offset');
  const flags = perEvent(4, 'flags');
  const amount = perEvent(5, 'amount');
  const currency = perEvent(6, 'currency');
  const ref = perEvent(7, 'ref');
  const store = perEvent(8, 'store');
  const attrs = perEvent(9, 'attrs');
  const dimCount = perEvent(10, 'dims');
  const dimKeys = flat(11, 'dim keys');
  const dimValues = flat(12, 'dim values');
  const itemCount = perEvent(13, 'items');
  const skus = flat(14, 'skus');
  const qtys = flat(15, 'qtys');
  const prices = flat(16, 'prices');
  if (dimKeys.length !== dimValues.length) refuse('dim keys and values differ in number');
  if (skus.length !== qtys.length || skus.length !== prices.length) refuse('skus, qtys and prices differ in number');

  let dimAt = 0;
  const takeDims = (howMany: number): string[] => {
    const dims: string[] = [];
    let before = '';
    for (const end = dimAt + howMany; dimAt < end; dimAt++) {
      const key = dimKeyOf(dimKeys[dimAt]);
      if (key <= before) refuse('the dim keys of an event are not in ascending order');
      before = key;
      dims.push(key, dimValueOf(dimValues[dimAt]));
    }
    return dims;
  };

  let itemAt = 0;
  const takeItems = (howMany: number): readonly Item[] => {
    if (howMany === 0) return NO_ITEMS;
    const items = new Array<Item>(howMany);
    for (let i = 0; i < howMany; i++, itemAt++) {
      items[i] = {
        sku: skuOf(skus[itemAt]),
        qty: whole(qtys[itemAt], 1, 1000 * MAX_QTY, 'qty'),
        price: whole(prices[itemAt], 0, MAX_MONEY, 'price'),
      };
    }
    return items;
  };

  const start = hour * HOUR_MS;
  let at = start;
  const events: TillEvent[] = [];
  for (let i = 0; i < count; i++) {
    at += whole(ts(i), -HOUR_MS, HOUR_MS, 'ts');
    if (at < start || at >= start + HOUR_MS) refuse('an event lies outside the hour of its batch');
    const event: TillEvent = {
      type: typeOf(type(i)),
      ts: at,
      offset: whole(offset(i), -MAX_OFFSET_MINUTES, MAX_OFFSET_MINUTES, 'offset'),
      // Flags of later agents are kept.
      flags: whole(flags(i), 0, 0xff, 'flags'),
      amount: amountOf(amount(i)),
      currency: currencyOf(currency(i)),
      ref: refOf(ref(i)),
      store: storeOf(store(i)) as StoreId | null,
      dims: takeDims(whole(dimCount(i), 0, MAX_DIMS, 'number of dims')),
      items: takeItems(whole(itemCount(i), 0, MAX_ITEMS, 'number of items')),
      attrs: attrsOf(attrs(i)),
    };
    if (event.amount !== null && event.currency === null) refuse('an amount has no currency');
    events.push(event);
  }
  if (dimAt !== dimKeys.length || itemAt !== skus.length) refuse('dims or items are left over');
  return events;
}

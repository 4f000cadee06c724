/**
 * A batch's body: its events as columns, a MessagePack array.
 *
 *     0  strings: the batch's own table; a text elsewhere is an index into it
 *     1  type      2  ts: ms since the hour's start for the first, since the one before for the others
 *     3  offset    4  flags      5  amount | nil     6  currency | nil     7  ref | nil     8  store | nil     9  attrs | nil
 *     10 dims: how many an event         11 their keys, flat      12 their values, flat
 *     13 items: how many an event        14 skus, flat            15 qtys, flat            16 prices, flat
 *     17 … columns of later versions of the writer, kept with the stored bytes
 *
 * Columns 1 to 10 and 13 are either an array with an entry an event or, where all entries are the same, that entry alone.
 */

import type { Item, TillEvent } from '../event/event.ts';
import { MAX_DIMS, MAX_ITEMS, MAX_MONEY } from '../event/schema.ts';
import type { StoreId } from '../ids.ts';
import { isId } from '../ids.ts';
import { HOUR_MS } from '../time.ts';

export class InvalidColumns extends Error {
  override readonly name = 'InvalidColumns';
}

type Value = number | null;

/** A column in its short form where it is constant. */
const settled = (column: Value[]): Value | Value[] =>
  column.every((value) => value === column[0]) ? (column[0] ?? null) : column;

/** @param events one or more, all within `hour` */
export function toColumns(events: readonly TillEvent[], hour: number): unknown[] {
  const strings: string[] = [];
  const index = new Map<string, number>();
  const text = (value: string): number => {
    let at = index.get(value);
    if (at === undefined) {
      at = strings.push(value) - 1;
      index.set(value, at);
    }
    return at;
  };
  const textOrNil = (value: string | null): Value => (value === null ? null : text(value));
  const perEvent = (of: (event: TillEvent) => Value): Value | Value[] => settled(events.map(of));
  const dimKeys: number[] = [];
  const dimValues: number[] = [];
  const skus: number[] = [];
  const qtys: number[] = [];
  const prices: number[] = [];
  for (const { dims, items } of events) {
    for (let at = 0; at < dims.length; at += 2) {
      dimKeys.push(text(dims[at]!));
      dimValues.push(text(dims[at + 1]!));
    }
    for (const item of items) {
      skus.push(text(item.sku));
      qtys.push(item.qty);
      prices.push(item.price);
    }
  }
  let before = hour * HOUR_MS;
  const type = perEvent((event) => text(event.type));
  const ts = perEvent((event) => {
    const delta = event.ts - before;
    before = event.ts;
    return delta;
  });
  return [
    strings,
    type,
    ts,
    perEvent((event) => event.offset),
    perEvent((event) => event.flags),
    perEvent((event) => event.amount),
    perEvent((event) => textOrNil(event.currency)),
    perEvent((event) => textOrNil(event.ref)),
    perEvent((event) => textOrNil(event.store)),
    perEvent((event) => textOrNil(event.attrs)),
    perEvent((event) => event.dims.length / 2),
    dimKeys,
    dimValues,
    perEvent((event) => event.items.length),
    skus,
    qtys,
    prices,
  ];
}

const EVENT_TYPE = /^[a-z][a-z0-9_.]{0,31}$/;
const CURRENCY = /^[A-Z]{3}$/;
const MAX_QTY = 1_000_000_000_000;
const NO_ITEMS: readonly Item[] = [];

const refuse = (detail: string): never => {
  throw new InvalidColumns(detail);
};

const whole = (value: unknown, min: number, max: number, what: string): number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max
    ? (value as number)
    : refuse(`${what} is out of range`);

/**
 * The events of a body that `message-pack.ts` unpacked.
 *
 * @throws InvalidColumns when it is not `count` events of `hour` within the event's bounds
 */
export function fromColumns(body: unknown, count: number, hour: number): TillEvent[] {
  if (!Array.isArray(body) || body.length < 17) return refuse('the body is not an array of columns');
  const columns: unknown[] = body;
  const strings = columns[0];
  if (!Array.isArray(strings) || !strings.every((value) => typeof value === 'string'))
    return refuse('the string table holds something else');
  const table: string[] = strings;

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
  const text = (value: unknown, what: string): string =>
    (typeof value === 'number' ? table[value] : undefined) ?? refuse(`${what} points outside the string table`);
  const textOrNull = (value: unknown, what: string): string | null => (value === null ? null : text(value, what));
  /** Texts with a form are checked once an entry of the table, not once an event. */
  const formed = (what: string, matches: (value: string) => boolean): ((value: unknown) => string) => {
    const good = new Set<unknown>();
    return (value) => {
      const found = text(value, what);
      if (!good.has(value)) {
        if (!matches(found)) refuse(`${what} is malformed`);
        good.add(value);
      }
      return found;
    };
  };

  const typeOf = formed('type', (value) => EVENT_TYPE.test(value));
  const currencyOf = formed('currency', (value) => CURRENCY.test(value));
  const storeOf = formed('store', isId);
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

  const start = hour * HOUR_MS;
  const events: TillEvent[] = new Array(count);
  let at = start;
  let dimAt = 0;
  let itemAt = 0;
  for (let i = 0; i < count; i++) {
    at += whole(ts(i), -HOUR_MS, HOUR_MS, 'ts');
    if (at < start || at >= start + HOUR_MS) refuse('an event lies outside the hour of its batch');
    const dims: string[] = [];
    for (const end = dimAt + whole(dimCount(i), 0, MAX_DIMS, 'number of dims'); dimAt < end; dimAt++) {
      dims.push(text(dimKeys[dimAt], 'dim key'), text(dimValues[dimAt], 'dim value'));
    }
    const items = whole(itemCount(i), 0, MAX_ITEMS, 'number of items');
    const found: Item[] = [];
    for (const end = itemAt + items; itemAt < end; itemAt++) {
      found.push({
        sku: text(skus[itemAt], 'sku'),
        qty: whole(qtys[itemAt], 1, MAX_QTY, 'qty'),
        price: whole(prices[itemAt], 0, MAX_MONEY, 'price'),
      });
    }
    const sum = amount(i);
    const money = currency(i);
    const shop = store(i);
    events[i] = {
      type: typeOf(type(i)),
      ts: at,
      offset: whole(offset(i), -1080, 1080, 'offset'),
      flags: whole(flags(i), 0, 0xff, 'flags'),
      amount: sum === null ? null : whole(sum, 0, MAX_MONEY, 'amount'),
      currency: money === null ? null : currencyOf(money),
      ref: textOrNull(ref(i), 'ref'),
      store: shop === null ? null : (storeOf(shop) as StoreId),
      dims,
      items: items === 0 ? NO_ITEMS : found,
      attrs: textOrNull(attrs(i), 'attrs'),
    };
    if (sum !== null && money === null) refuse('an amount has no currency');
  }
  if (dimAt !== dimKeys.length || itemAt !== skus.length) refuse('dims or items are left over');
  return events;
}

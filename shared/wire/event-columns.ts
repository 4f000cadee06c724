/** The events of a batch, checked, column by column: who counts them makes no object an event. */
import type { Item, TillEvent } from '../event/event.ts';
import type { StoreId } from '../ids.ts';
import { decodedBytes } from './batch-bounds.ts';

/** What columns hold in place of an index where an event has no text. */
export const NO_TEXT = -1;

/** The texts that indexes stand for. */
export interface Texts {
  readonly count: number;
  /** The text of an index that a checked column holds. */
  at(index: number): string;
}

/** What number columns hold in place of null. */
export const NO_NUMBER = Number.NaN;

/** The fields of `Item`, one entry for each item of all events. */
export interface ItemFields {
  /** Indexes of texts, as all texts are. */
  readonly skus: Int32Array;
  readonly qtys: Float64Array;
  /** `NO_NUMBER` where the item has none, as in `totals`. */
  readonly prices: Float64Array;
  /** Null unless an item has a total. */
  readonly totals: Float64Array | null;
}

/**
 * The fields of `TillEvent`, one entry for each event. A text is an index into `texts`, or
 * `NO_TEXT`: what has one index is the same text, though not the other way round.
 */
export interface EventColumns {
  readonly count: number;
  /** Bytes of memory of the events, as `decodedBytes` counts them. */
  readonly bytes: number;
  readonly texts: Texts;
  readonly type: Int32Array;
  readonly ts: Float64Array;
  readonly offset: Float64Array;
  readonly flags: Float64Array;
  /** `NO_NUMBER` where the event has none. */
  readonly amount: Float64Array;
  readonly currency: Int32Array;
  readonly ref: Int32Array;
  readonly store: Int32Array;
  readonly attrs: Int32Array;
  /** Where each event's dims end in the flat columns; they begin where the previous event's end. */
  readonly dimEnds: Int32Array;
  readonly dimKeys: Int32Array;
  readonly dimValues: Int32Array;
  /** The same of its items. */
  readonly itemEnds: Int32Array;
  readonly items: ItemFields;
}

/** Where an event's entries begin in flat columns. */
export const beginOf = (ends: Int32Array, event: number): number => (event === 0 ? 0 : ends[event - 1]!);

const NO_ITEMS: readonly Item[] = [];

const numberOrNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

function itemAt(texts: Texts, { skus, qtys, prices, totals }: ItemFields, at: number): Item {
  const [sku, qty, price] = [texts.at(skus[at]!), qtys[at]!, numberOrNull(prices[at]!)];
  const amount = totals === null ? null : numberOrNull(totals[at]!);
  // A spread object would take twice the memory.
  return amount === null ? { sku, qty, price } : { sku, qty, price, amount };
}

function itemsOf({ texts, itemEnds, items: fields }: EventColumns, event: number): readonly Item[] {
  const begin = beginOf(itemEnds, event);
  const count = itemEnds[event]! - begin;
  if (count === 0) return NO_ITEMS;
  const items = new Array<Item>(count);
  for (let i = 0; i < count; i++) items[i] = itemAt(texts, fields, begin + i);
  return items;
}

/** One event as an object. */
export function eventAt(columns: EventColumns, event: number): TillEvent {
  const { texts, dimEnds, dimKeys, dimValues } = columns;
  const dims: string[] = [];
  for (let at = beginOf(dimEnds, event); at < dimEnds[event]!; at++)
    dims.push(texts.at(dimKeys[at]!), texts.at(dimValues[at]!));
  const textOrNull = (column: Int32Array): string | null =>
    column[event]! === NO_TEXT ? null : texts.at(column[event]!);
  return {
    type: texts.at(columns.type[event]!),
    ts: columns.ts[event]!,
    offset: columns.offset[event]!,
    flags: columns.flags[event]!,
    amount: numberOrNull(columns.amount[event]!),
    currency: textOrNull(columns.currency),
    ref: textOrNull(columns.ref),
    store: textOrNull(columns.store) as StoreId | null,
    dims,
    items: itemsOf(columns, event),
    attrs: textOrNull(columns.attrs),
  };
}

/** All events as objects. */
export const toEvents = (columns: EventColumns): TillEvent[] =>
  Array.from({ length: columns.count }, (_, event) => eventAt(columns, event));

/** Bytes of memory of events, as `decodedBytes` counts them. */
export function eventBytes(events: readonly TillEvent[]): number {
  let bytes = 0;
  for (const { items, dims, attrs } of events)
    bytes += decodedBytes({ events: 1, items: items.length, dims: dims.length / 2, attrs: attrs?.length ?? 0 });
  return bytes;
}

/** The texts of events, each once. */
class GivenTexts implements Texts {
  readonly #texts: string[] = [];
  readonly #indexes = new Map<string, number>();

  get count(): number {
    return this.#texts.length;
  }

  at(index: number): string {
    return this.#texts[index]!;
  }

  indexOf(text: string | null): number {
    if (text === null) return NO_TEXT;
    let index = this.#indexes.get(text);
    if (index === undefined) {
      index = this.#texts.push(text) - 1;
      this.#indexes.set(text, index);
    }
    return index;
  }
}

/** The columns of events. */
export function columnsOf(events: readonly TillEvent[]): EventColumns {
  const items = events.flatMap((event) => event.items);
  const dims = events.flatMap((event) => event.dims);
  const texts = new GivenTexts();
  const indexes = (all: readonly (string | null)[]): Int32Array => Int32Array.from(all, (text) => texts.indexOf(text));
  const numbers = <T>(all: readonly T[], of: (one: T) => number | null): Float64Array =>
    Float64Array.from(all, (one) => of(one) ?? NO_NUMBER);
  return {
    count: events.length,
    bytes: eventBytes(events),
    texts,
    type: indexes(events.map(({ type }) => type)),
    ts: numbers(events, ({ ts }) => ts),
    offset: numbers(events, ({ offset }) => offset),
    flags: numbers(events, ({ flags }) => flags),
    amount: numbers(events, ({ amount }) => amount),
    currency: indexes(events.map(({ currency }) => currency)),
    ref: indexes(events.map(({ ref }) => ref)),
    store: indexes(events.map(({ store }) => store)),
    attrs: indexes(events.map(({ attrs }) => attrs)),
    dimEnds: endsOf(events.map(({ dims }) => dims.length / 2)),
    dimKeys: indexes(dims.filter((_, at) => at % 2 === 0)),
    dimValues: indexes(dims.filter((_, at) => at % 2 === 1)),
    itemEnds: endsOf(events.map(({ items }) => items.length)),
    items: {
      skus: indexes(items.map(({ sku }) => sku)),
      qtys: numbers(items, ({ qty }) => qty),
      prices: numbers(items, ({ price }) => price),
      totals: numbers(items, ({ amount }) => amount ?? null),
    },
  };
}

function endsOf(counts: readonly number[]): Int32Array {
  let end = 0;
  return Int32Array.from(counts, (count) => {
    end += count;
    return end;
  });
}

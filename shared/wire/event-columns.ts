/** The events of a batch, checked, column by column: who counts them makes no object an event. */
import type { Item, TillEvent } from '../event/event.ts';
import type { StoreId } from '../ids.ts';
import { decodedBytes } from './batch-bounds.ts';

/** The fields of `Item`, one entry for each item of all events. */
export interface ItemFields {
  readonly skus: readonly string[];
  readonly qtys: readonly number[];
  readonly prices: readonly (number | null)[];
  /** Null unless an item has a total. */
  readonly totals: readonly (number | null)[] | null;
}

/** The fields of `TillEvent`, one entry for each event. */
export interface EventColumns {
  readonly count: number;
  /** Bytes of memory of the events, as `decodedBytes` counts them. */
  readonly bytes: number;
  readonly type: readonly string[];
  readonly ts: readonly number[];
  readonly offset: readonly number[];
  readonly flags: readonly number[];
  readonly amount: readonly (number | null)[];
  readonly currency: readonly (string | null)[];
  readonly ref: readonly (string | null)[];
  readonly store: readonly (string | null)[];
  readonly attrs: readonly (string | null)[];
  /** Where each event's dims end in the flat columns; they begin where the previous event's end. */
  readonly dimEnds: readonly number[];
  readonly dimKeys: readonly string[];
  readonly dimValues: readonly string[];
  /** The same of its items. */
  readonly itemEnds: readonly number[];
  readonly items: ItemFields;
}

/** Where an event's entries begin in flat columns. */
export const beginOf = (ends: readonly number[], event: number): number => (event === 0 ? 0 : ends[event - 1]!);

const NO_ITEMS: readonly Item[] = [];

function itemAt({ skus, qtys, prices, totals }: ItemFields, at: number): Item {
  const [sku, qty, price] = [skus[at]!, qtys[at]!, prices[at]!];
  const amount = totals === null ? null : totals[at]!;
  // A spread object would take twice the memory.
  return amount === null ? { sku, qty, price } : { sku, qty, price, amount };
}

function itemsOf({ itemEnds, items: fields }: EventColumns, event: number): readonly Item[] {
  const begin = beginOf(itemEnds, event);
  const count = itemEnds[event]! - begin;
  if (count === 0) return NO_ITEMS;
  const items = new Array<Item>(count);
  for (let i = 0; i < count; i++) items[i] = itemAt(fields, begin + i);
  return items;
}

/** One event as an object. */
export function eventAt(columns: EventColumns, event: number): TillEvent {
  const { dimEnds, dimKeys, dimValues } = columns;
  const dims: string[] = [];
  for (let at = beginOf(dimEnds, event); at < dimEnds[event]!; at++) dims.push(dimKeys[at]!, dimValues[at]!);
  return {
    type: columns.type[event]!,
    ts: columns.ts[event]!,
    offset: columns.offset[event]!,
    flags: columns.flags[event]!,
    amount: columns.amount[event]!,
    currency: columns.currency[event]!,
    ref: columns.ref[event]!,
    store: columns.store[event] as StoreId | null,
    dims,
    items: itemsOf(columns, event),
    attrs: columns.attrs[event]!,
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

/** The columns of events. */
export function columnsOf(events: readonly TillEvent[]): EventColumns {
  const items = events.flatMap((event) => event.items);
  const dims = events.flatMap((event) => event.dims);
  return {
    count: events.length,
    bytes: eventBytes(events),
    type: events.map(({ type }) => type),
    ts: events.map(({ ts }) => ts),
    offset: events.map(({ offset }) => offset),
    flags: events.map(({ flags }) => flags),
    amount: events.map(({ amount }) => amount),
    currency: events.map(({ currency }) => currency),
    ref: events.map(({ ref }) => ref),
    store: events.map(({ store }) => store),
    attrs: events.map(({ attrs }) => attrs),
    dimEnds: endsOf(events.map(({ dims }) => dims.length / 2)),
    dimKeys: dims.filter((_, at) => at % 2 === 0),
    dimValues: dims.filter((_, at) => at % 2 === 1),
    itemEnds: endsOf(events.map(({ items }) => items.length)),
    items: {
      skus: items.map(({ sku }) => sku),
      qtys: items.map(({ qty }) => qty),
      prices: items.map(({ price }) => price),
      totals: items.map(({ amount }) => amount ?? null),
    },
  };
}

function endsOf(counts: readonly number[]): number[] {
  let end = 0;
  return counts.map((count) => {
    end += count;
    return end;
  });
}

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
import type { TillEvent } from '../event/event.ts';
import { HOUR_MS } from '../time.ts';

/** Columns of version 1. */
export const COLUMNS = 17;

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

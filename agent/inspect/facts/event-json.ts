/** Converts an event to the JSON that its till could have posted. */
import { FLAG, type Item, type TillEvent } from '../../../shared/event/event.ts';
import { parseExactJson } from '../../../shared/exact-json.ts';
import { MINUTE_MS } from '../../../shared/time.ts';

export interface ItemJson {
  readonly sku: string;
  readonly qty: number;
  readonly price?: number;
  readonly amount?: number;
}

export interface EventJson {
  readonly type: string;
  readonly ts: string;
  readonly amount?: number;
  readonly currency?: string;
  readonly ref?: string;
  readonly dims?: Readonly<Record<string, string>>;
  readonly items?: readonly ItemJson[];
  readonly attrs?: unknown;
}

const twoDigits = (value: number): string => String(value).padStart(2, '0');

/** RFC 3339 with the till's own offset, which is in minutes. */
export function localTime(ts: number, offset: number): string {
  const local = new Date(ts + offset * MINUTE_MS).toISOString().replace(/\.000Z$|Z$/, '');
  const minutes = Math.abs(offset);
  return `${local}${offset < 0 ? '-' : '+'}${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
}

const itemJson = ({ sku, qty, price, amount }: Item): ItemJson => ({
  sku,
  qty: qty / 1000,
  ...(price === null ? {} : { price }),
  ...(amount === undefined ? {} : { amount }),
});

/** Always with `ts`, also where the agent set it, so that posting it again gives the same event. */
export function eventJson(event: TillEvent): EventJson {
  const { type, ts, offset, amount, currency, ref, dims, items, attrs } = event;
  const pairs: [string, string][] = [];
  for (let at = 0; at < dims.length; at += 2) pairs.push([dims[at]!, dims[at + 1]!]);
  return {
    type,
    ts: localTime(ts, offset),
    ...(amount === null ? {} : { amount }),
    ...(currency === null ? {} : { currency }),
    ...(ref === null ? {} : { ref }),
    ...(pairs.length === 0 ? {} : { dims: Object.fromEntries(pairs) }),
    ...(items.length === 0 ? {} : { items: items.map(itemJson) }),
    ...(attrs === null ? {} : { attrs: parseExactJson(attrs) }),
  };
}

/** Names of the flags, which the event's JSON does not show. */
export const flagNames = (event: TillEvent): string[] =>
  Object.entries(FLAG)
    .filter(([, bit]) => (event.flags & bit) !== 0)
    .map(([name]) => name);

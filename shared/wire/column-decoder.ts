/**
 * Decodes columns (`column-encoder.ts`) of events, checked against the bounds of an event: every
 * reader of the raw log relies on them.
 */
import { Buffer } from 'node:buffer';
import {
  CURRENCY_PATTERN,
  DIMENSION_KEY_PATTERN,
  EVENT_TYPE_PATTERN,
  MAX_ATTRS_BYTES,
  MAX_DIMS,
  MAX_ITEMS,
  MAX_MONEY,
} from '../event/schema.ts';
import { MAX_OFFSET_MINUTES } from '../event/timestamp.ts';
import { isId } from '../ids.ts';
import { HOUR_MS } from '../time.ts';
import { decodedBytes } from './batch-bounds.ts';
import { COLUMNS } from './column-encoder.ts';
import { BodyColumns, refuse, wholes, wholesOrNull } from './column-reader.ts';
import type { EventColumns } from './event-columns.ts';
import type { BatchHeader } from './header.ts';
import { itemColumns } from './item-columns.ts';
import { isShort, StringTable } from './string-table.ts';

const EVENT_TYPE = new RegExp(EVENT_TYPE_PATTERN);
const CURRENCY = new RegExp(CURRENCY_PATTERN);
const DIMENSION_KEY = new RegExp(DIMENSION_KEY_PATTERN);

function isAttrs(text: string): boolean {
  if (Buffer.byteLength(text) > MAX_ATTRS_BYTES) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds since 1970 of each event; the column holds the steps from the previous event. */
function timesOf(columns: BodyColumns, hour: number): number[] {
  const times = wholes(columns.perEvent(2, 'ts'), -HOUR_MS, HOUR_MS, 'ts');
  const start = hour * HOUR_MS;
  let ts = start;
  for (let at = 0; at < times.length; at++) {
    ts += times[at]!;
    if (ts < start || ts >= start + HOUR_MS) refuse('an event lies outside the hour of its batch');
    times[at] = ts;
  }
  return times;
}

function dimColumns(columns: BodyColumns, table: StringTable) {
  const keys = columns.flat(11, 'dim keys');
  const values = columns.flat(12, 'dim values');
  if (keys.length !== values.length) refuse('dim keys and values differ in number');
  const dimEnds = columns.ends(10, MAX_DIMS, keys.length, 'dims');
  const dimKeys = table.texts(
    keys,
    table.form('dim key', (text) => DIMENSION_KEY.test(text)),
  );
  const dimValues = table.texts(values, table.form('dim value', isShort));
  let at = 0;
  for (const end of dimEnds)
    for (let before = ''; at < end; at++) {
      const key = dimKeys[at]!;
      if (key <= before) refuse('the dim keys of an event are not in ascending order');
      before = key;
    }
  return { dimEnds, dimKeys, dimValues };
}

function checkCurrencies(amounts: readonly (number | null)[], currencies: readonly (string | null)[]): void {
  for (let at = 0; at < amounts.length; at++)
    if (amounts[at] !== null && currencies[at] === null) refuse('an amount has no currency');
}

/** Characters of attrs, event by event: one text of the table may be the attrs of all events. */
function attrsLength(column: unknown, texts: unknown, count: number): number {
  const lengthOf = (index: unknown): number => {
    const text = Array.isArray(texts) && typeof index === 'number' ? (texts[index] as unknown) : null;
    return typeof text === 'string' ? text.length : 0;
  };
  if (!Array.isArray(column)) return count * lengthOf(column);
  let length = 0;
  for (const index of column) if (index !== null) length += lengthOf(index);
  return length;
}

/** The memory that the events would take; refuses more than allowed, before any of it is taken. */
function boundedBytes(columns: BodyColumns, body: readonly unknown[], count: number, maxBytes: number): number {
  const bytes = decodedBytes({
    events: count,
    items: columns.flat(14, 'skus').length,
    dims: columns.flat(11, 'dim keys').length,
    attrs: attrsLength(body[9], body[0], count),
  });
  if (bytes > maxBytes) refuse(`events of ${bytes} bytes in memory are more than the ${maxBytes} allowed for its size`);
  return bytes;
}

/**
 * Decodes the events of a body that `message-pack.ts` unpacked.
 *
 * @param header number of events, the hour they belong to (since 1970), and whether their items may
 *   be lines of receipts
 * @param maxBytes of memory that the events may take, as `decodedBytes` counts it
 * @throws InvalidColumns when it is not `count` events of `hour` within an event's bounds
 */
export function fromColumns(
  body: unknown,
  { count, hour, receiptLines }: Pick<BatchHeader, 'count' | 'hour' | 'receiptLines'>,
  maxBytes: number,
): EventColumns {
  if (!Array.isArray(body) || body.length < COLUMNS) return refuse('the body is not an array of columns');
  const columns = new BodyColumns(body, count);
  const bytes = boundedBytes(columns, body, count, maxBytes);
  const table = new StringTable(body[0]);
  const texts = (at: number, what: string, matches: (text: string) => boolean) =>
    table.textsOrNull(columns.perEvent(at, what), table.form(what, matches));
  const type = table.texts(
    columns.perEvent(1, 'type'),
    table.form('type', (text) => EVENT_TYPE.test(text)),
  );
  const amount = wholesOrNull(columns.perEvent(5, 'amount'), 0, MAX_MONEY, 'amount');
  const currency = texts(6, 'currency', (text) => CURRENCY.test(text));
  checkCurrencies(amount, currency);
  const items = itemColumns(columns, table, receiptLines);
  return {
    count,
    bytes,
    type,
    ts: timesOf(columns, hour),
    offset: wholes(columns.perEvent(3, 'offset'), -MAX_OFFSET_MINUTES, MAX_OFFSET_MINUTES, 'offset'),
    // Flags of later agents are kept.
    flags: wholes(columns.perEvent(4, 'flags'), 0, 0xff, 'flags'),
    amount,
    currency,
    ref: texts(7, 'ref', isShort),
    store: texts(8, 'store', isId),
    attrs: texts(9, 'attrs', isAttrs),
    ...dimColumns(columns, table),
    itemEnds: columns.ends(13, MAX_ITEMS, items.skus.length, 'items'),
    items,
  };
}

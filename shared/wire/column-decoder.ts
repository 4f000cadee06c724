/**
 * Decodes columns (`column-encoder.ts`) into events, checked against the bounds of an event: every
 * reader of the raw log relies on them.
 */
import { Buffer } from 'node:buffer';
import type { TillEvent } from '../event/event.ts';
import {
  CURRENCY_PATTERN,
  DIMENSION_KEY_PATTERN,
  EVENT_TYPE_PATTERN,
  MAX_ATTRS_BYTES,
  MAX_DIMS,
  MAX_MONEY,
} from '../event/schema.ts';
import { MAX_OFFSET_MINUTES } from '../event/timestamp.ts';
import { isId, type StoreId } from '../ids.ts';
import { HOUR_MS } from '../time.ts';
import { decodedBytes } from './batch-bounds.ts';
import { COLUMNS } from './column-encoder.ts';
import { BodyColumns, refuse, whole } from './column-reader.ts';
import type { BatchHeader } from './header.ts';
import { ItemColumns } from './item-columns.ts';
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

const orNull =
  <T>(read: (value: unknown) => T) =>
  (value: unknown): T | null =>
    value === null ? null : read(value);

/** The readers of the fields that each event has at most once; they take the index of the event. */
function fieldReaders(columns: BodyColumns, table: StringTable) {
  const typeOf = table.form('type', (text) => EVENT_TYPE.test(text));
  const currencyOf = orNull(table.form('currency', (text) => CURRENCY.test(text)));
  const refOf = orNull(table.form('ref', isShort));
  const storeOf = orNull(table.form('store', isId));
  const attrsOf = orNull(table.form('attrs', isAttrs));
  const amountOf = orNull((value) => whole(value, 0, MAX_MONEY, 'amount'));
  const type = columns.perEvent(1, 'type');
  const ts = columns.perEvent(2, 'ts');
  const offset = columns.perEvent(3, 'offset');
  const flags = columns.perEvent(4, 'flags');
  const amount = columns.perEvent(5, 'amount');
  const currency = columns.perEvent(6, 'currency');
  const ref = columns.perEvent(7, 'ref');
  const store = columns.perEvent(8, 'store');
  const attrs = columns.perEvent(9, 'attrs');
  return {
    type: (event: number) => typeOf(type(event)),
    /** Milliseconds since the previous event. */
    step: (event: number) => whole(ts(event), -HOUR_MS, HOUR_MS, 'ts'),
    offset: (event: number) => whole(offset(event), -MAX_OFFSET_MINUTES, MAX_OFFSET_MINUTES, 'offset'),
    // Flags of later agents are kept.
    flags: (event: number) => whole(flags(event), 0, 0xff, 'flags'),
    amount: (event: number) => amountOf(amount(event)),
    currency: (event: number) => currencyOf(currency(event)),
    ref: (event: number) => refOf(ref(event)),
    store: (event: number) => storeOf(store(event)) as StoreId | null,
    attrs: (event: number) => attrsOf(attrs(event)),
  };
}

/** The dims of the events, in their order: each call takes those of the next event. */
class DimColumns {
  readonly #count: (event: number) => unknown;
  readonly #keys: readonly unknown[];
  readonly #values: readonly unknown[];
  readonly #keyOf: (index: unknown) => string;
  readonly #valueOf: (index: unknown) => string;
  #at = 0;

  constructor(columns: BodyColumns, table: StringTable) {
    this.#keyOf = table.form('dim key', (text) => DIMENSION_KEY.test(text));
    this.#valueOf = table.form('dim value', isShort);
    this.#count = columns.perEvent(10, 'dims');
    this.#keys = columns.flat(11, 'dim keys');
    this.#values = columns.flat(12, 'dim values');
    if (this.#keys.length !== this.#values.length) refuse('dim keys and values differ in number');
  }

  get isAtEnd(): boolean {
    return this.#at === this.#keys.length;
  }

  take(event: number): string[] {
    const dims: string[] = [];
    let before = '';
    for (const end = this.#at + whole(this.#count(event), 0, MAX_DIMS, 'number of dims'); this.#at < end; this.#at++) {
      const key = this.#keyOf(this.#keys[this.#at]);
      if (key <= before) refuse('the dim keys of an event are not in ascending order');
      before = key;
      dims.push(key, this.#valueOf(this.#values[this.#at]));
    }
    return dims;
  }
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

/** Refuses columns whose events would take more memory than allowed, before any of them is made. */
function checkDecodedBytes(columns: BodyColumns, body: readonly unknown[], count: number, maxBytes: number): void {
  const bytes = decodedBytes({
    events: count,
    items: columns.flat(14, 'skus').length,
    dims: columns.flat(11, 'dim keys').length,
    attrs: attrsLength(body[9], body[0], count),
  });
  if (bytes > maxBytes) refuse(`events of ${bytes} bytes in memory are more than the ${maxBytes} allowed for its size`);
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
): TillEvent[] {
  if (!Array.isArray(body) || body.length < COLUMNS) return refuse('the body is not an array of columns');
  const columns = new BodyColumns(body, count);
  checkDecodedBytes(columns, body, count, maxBytes);
  const table = new StringTable(body[0]);
  const fields = fieldReaders(columns, table);
  const dims = new DimColumns(columns, table);
  const items = new ItemColumns(columns, table, receiptLines);
  const start = hour * HOUR_MS;
  let ts = start;
  const events: TillEvent[] = [];
  for (let i = 0; i < count; i++) {
    ts += fields.step(i);
    if (ts < start || ts >= start + HOUR_MS) refuse('an event lies outside the hour of its batch');
    const event: TillEvent = {
      type: fields.type(i),
      ts,
      offset: fields.offset(i),
      flags: fields.flags(i),
      amount: fields.amount(i),
      currency: fields.currency(i),
      ref: fields.ref(i),
      store: fields.store(i),
      dims: dims.take(i),
      items: items.take(i),
      attrs: fields.attrs(i),
    };
    if (event.amount !== null && event.currency === null) refuse('an amount has no currency');
    events.push(event);
  }
  if (!dims.isAtEnd || !items.isAtEnd) refuse('dims or items are left over');
  return events;
}

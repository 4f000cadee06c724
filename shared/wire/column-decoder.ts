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
import { BodyReader, endsOf, refuse } from './column-reader.ts';
import { type EventColumns, NO_NUMBER, NO_TEXT } from './event-columns.ts';
import type { BatchHeader } from './header.ts';
import { itemColumns } from './item-columns.ts';
import { type Form, shortText, TextTable } from './text-table.ts';

const matching = (what: string, pattern: string): Form => {
  const form = new RegExp(pattern);
  return { what, matches: (text) => form.test(text), bytesThatMatch: -1 };
};
const TYPE = matching('type', EVENT_TYPE_PATTERN);
const CURRENCY = matching('currency', CURRENCY_PATTERN);
const DIM_KEY = matching('dim key', DIMENSION_KEY_PATTERN);
const DIM_VALUE = shortText('dim value');
const REF = shortText('ref');
const STORE: Form = { what: 'store', matches: isId, bytesThatMatch: -1 };
const ATTRS: Form = { what: 'attrs', matches: isAttrs, bytesThatMatch: -1 };

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
function timesOf(steps: Float64Array, hour: number): Float64Array {
  const start = hour * HOUR_MS;
  let ts = start;
  for (let at = 0; at < steps.length; at++) {
    ts += steps[at]!;
    if (ts < start || ts >= start + HOUR_MS) refuse('an event lies outside the hour of its batch');
    steps[at] = ts;
  }
  return steps;
}

/** An event's dim keys are to ascend. Most events have those of the event before. */
function checkDimKeys(keys: Int32Array, ends: Int32Array, table: TextTable): void {
  let [before, begin] = [0, 0];
  for (const end of ends) {
    let same = end - begin === begin - before;
    for (let at = begin; same && at < end; at++) same = keys[at] === keys[at - begin + before];
    if (!same)
      for (let at = begin + 1; at < end; at++)
        if (table.at(keys[at]!) <= table.at(keys[at - 1]!))
          refuse('the dim keys of an event are not in ascending order');
    [before, begin] = [begin, end];
  }
}

function checkCurrencies(amounts: Float64Array, currencies: Int32Array): void {
  for (let at = 0; at < amounts.length; at++)
    if (currencies[at] === NO_TEXT && !Number.isNaN(amounts[at])) refuse('an amount has no currency');
}

/** Characters of attrs, event by event: one text of the table may be the attrs of all events. */
function attrsLength(attrs: Int32Array, table: TextTable): number {
  let length = 0;
  for (const index of attrs) if (index !== NO_TEXT) length += table.length(index);
  return length;
}

/**
 * Decodes the events of a body.
 *
 * @param body MessagePack that anybody may have written
 * @param header number of events, the hour they belong to (since 1970), and whether their items may
 *   be lines of receipts
 * @param maxBytes of memory that the events may take, as `decodedBytes` counts it
 * @throws InvalidColumns when it is not `count` events of `hour` within an event's bounds
 */
export function fromBody(
  body: Uint8Array,
  { count, hour, receiptLines }: Pick<BatchHeader, 'count' | 'hour' | 'receiptLines'>,
  maxBytes: number,
): EventColumns {
  const reader = new BodyReader(body);
  const columns = reader.left;
  if (columns < COLUMNS) refuse('the body is not an array of columns');
  const table = new TextTable(body, reader);
  const content = { events: count, items: 0, dims: 0, attrs: 0 };
  // Before any of the memory is taken.
  const bound = (more: Partial<typeof content>): number => {
    const bytes = decodedBytes(Object.assign(content, more));
    if (bytes > maxBytes)
      refuse(`events of ${bytes} bytes in memory are more than the ${maxBytes} allowed for its size`);
    return bytes;
  };
  const fields = eventFields(reader, table, count, hour);
  bound({ attrs: attrsLength(fields.attrs, table) });
  const dims = dimColumns(reader, table, count, (dims) => bound({ dims }));
  const itemCounts = countsOf(reader, count, MAX_ITEMS, 'items');
  const items = itemColumns(reader, table, { columns, receiptLines, bound: (items) => bound({ items }) });
  reader.passRest();
  const itemEnds = endsOf(itemCounts, items.skus.length, 'items');
  return { ...{ count, bytes: bound({}), texts: table }, ...fields, ...dims, itemEnds, items };
}

function eventFields(reader: BodyReader, table: TextTable, count: number, hour: number) {
  const numbers = (min: number, max: number, what: string, none?: number): Float64Array =>
    reader.perEvent(new Float64Array(count), { min, max, what, none });
  const texts = (form: Form, none?: number): Int32Array => {
    const bounds = { min: 0, max: table.count - 1, what: form.what, none };
    return table.check(reader.perEvent(new Int32Array(count), bounds), form);
  };
  const fields = {
    type: texts(TYPE),
    ts: timesOf(numbers(-HOUR_MS, HOUR_MS, 'ts'), hour),
    offset: numbers(-MAX_OFFSET_MINUTES, MAX_OFFSET_MINUTES, 'offset'),
    // Flags of later agents are kept.
    flags: numbers(0, 0xff, 'flags'),
    amount: numbers(0, MAX_MONEY, 'amount', NO_NUMBER),
    currency: texts(CURRENCY, NO_TEXT),
    ref: texts(REF, NO_TEXT),
    store: texts(STORE, NO_TEXT),
    attrs: texts(ATTRS, NO_TEXT),
  };
  checkCurrencies(fields.amount, fields.currency);
  return fields;
}

const countsOf = (reader: BodyReader, count: number, max: number, what: string): Int32Array =>
  reader.perEvent(new Int32Array(count), { min: 0, max, what: `number of ${what}` });

function dimColumns(reader: BodyReader, table: TextTable, count: number, bound: (dims: number) => void) {
  const counts = countsOf(reader, count, MAX_DIMS, 'dims');
  const texts = (what: string): Int32Array => {
    const make = (length: number): Int32Array => {
      bound(length);
      return new Int32Array(length);
    };
    return reader.flat(make, { min: 0, max: table.count - 1, what });
  };
  const [dimKeys, dimValues] = [texts('dim keys'), texts('dim values')];
  if (dimKeys.length !== dimValues.length) refuse('dim keys and values differ in number');
  const dimEnds = endsOf(counts, dimKeys.length, 'dims');
  checkDimKeys(table.check(dimKeys, DIM_KEY), dimEnds, table);
  return { dimEnds, dimKeys, dimValues: table.check(dimValues, DIM_VALUE) };
}

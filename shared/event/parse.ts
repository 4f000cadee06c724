/** A till's JSON becomes a `TillEvent`, or a list of what is wrong with it, each pointing to its field. */
import { Buffer } from 'node:buffer';
import { Compile } from 'typebox/compile';
import type { StoreId } from '../ids.ts';
import { FLAG, type Item, type TillEvent } from './event.ts';
import { MAX_ATTRS_BYTES, type TillEventInput, TillEventSchema } from './schema.ts';
import { parseTimestamp } from './timestamp.ts';

export interface FieldError {
  /** JSON pointer (RFC 6901) into the event. */
  readonly pointer: string;
  readonly detail: string;
}

export type ParsedEvent =
  | { readonly ok: true; readonly event: TillEvent }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

export interface ParseContext {
  /** Milliseconds since 1970: the `ts` of an event that has none. */
  readonly now: number;
  /** The store of an event without `dims.store`. */
  readonly store: StoreId | null;
}

const MAX_ERRORS = 20;

const checker = Compile(TillEventSchema);
/** Current and historic codes, as ICU knows them. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** The checker reports a field it does not know twice, and each branch of a union: one line a fault is enough. */
function schemaErrors(input: unknown): FieldError[] {
  const errors: FieldError[] = [];
  for (const error of checker.Errors(input)) {
    if (errors.length >= MAX_ERRORS) break;
    if (error.keyword === 'additionalProperties' || error.schemaPath.includes('/anyOf/')) continue;
    if (error.keyword === 'required') {
      const { requiredProperties } = error.params as { requiredProperties: string[] };
      for (const key of requiredProperties)
        errors.push({ pointer: `${error.instancePath}/${escaped(key)}`, detail: 'is required' });
    } else if (error.keyword === 'boolean') {
      errors.push({ pointer: error.instancePath, detail: 'is not a known field' });
    } else if (error.keyword === 'anyOf') {
      errors.push({
        pointer: error.instancePath,
        detail: 'must be a text (ISO 8601) or a whole number (milliseconds since 1970)',
      });
    } else {
      errors.push({ pointer: error.instancePath, detail: error.message });
    }
  }
  return errors;
}

function sortedDims(dims: TillEventInput['dims'], errors: FieldError[]): string[] {
  const flat: string[] = [];
  if (dims === undefined) return flat;
  const given = dims as Readonly<Record<string, string>>;
  for (const key of Object.keys(given).sort()) {
    const value = given[key]!;
    if (!value.isWellFormed()) errors.push({ pointer: `/dims/${key}`, detail: 'holds half of a surrogate pair' });
    flat.push(key, value);
  }
  return flat;
}

function parsedItems(items: TillEventInput['items'], errors: FieldError[]): Item[] {
  return (items ?? []).map((item, index) => {
    const qty = Math.round(item.qty * 1000);
    // A decimal of at most three digits is the double nearest to its thousandths divided by 1,000.
    if (qty / 1000 !== item.qty)
      errors.push({ pointer: `/items/${index}/qty`, detail: 'must have at most three decimals' });
    if (!item.sku.isWellFormed())
      errors.push({ pointer: `/items/${index}/sku`, detail: 'holds half of a surrogate pair' });
    return { sku: item.sku, qty, price: item.price };
  });
}

function attrsText(attrs: unknown, errors: FieldError[]): string | null {
  if (attrs === undefined) return null;
  try {
    const text = JSON.stringify(attrs);
    if (Buffer.byteLength(text) <= MAX_ATTRS_BYTES) return text;
    errors.push({ pointer: '/attrs', detail: `must be at most ${MAX_ATTRS_BYTES} bytes of JSON` });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    errors.push({ pointer: '/attrs', detail: 'is nested too deeply' });
  }
  return null;
}

/** @param input one event as `JSON.parse` gives it */
export function parseEvent(input: unknown, context: ParseContext): ParsedEvent {
  if (!checker.Check(input)) return { ok: false, errors: schemaErrors(input) };
  const errors: FieldError[] = [];
  const time = input.ts === undefined ? { ok: true as const, ts: context.now, offset: 0 } : parseTimestamp(input.ts);
  if (!time.ok) errors.push({ pointer: '/ts', detail: time.detail });
  if (input.amount !== undefined && input.currency === undefined)
    errors.push({ pointer: '/currency', detail: 'is required with an amount' });
  if (input.currency !== undefined && !CURRENCIES.has(input.currency))
    errors.push({ pointer: '/currency', detail: 'is not a currency of ISO 4217' });
  if (input.ref !== undefined && !input.ref.isWellFormed())
    errors.push({ pointer: '/ref', detail: 'holds half of a surrogate pair' });
  const dims = sortedDims(input.dims, errors);
  const items = parsedItems(input.items, errors);
  const attrs = attrsText(input.attrs, errors);
  if (errors.length > 0 || !time.ok) return { ok: false, errors: errors.slice(0, MAX_ERRORS) };
  return {
    ok: true,
    event: {
      type: input.type,
      ts: time.ts,
      offset: time.offset,
      flags: input.ts === undefined ? FLAG.tsDefaulted : 0,
      amount: input.amount ?? null,
      currency: input.currency ?? null,
      ref: input.ref ?? null,
      store: (input.dims as { store?: StoreId } | undefined)?.store ?? context.store,
      dims,
      items,
      attrs,
    },
  };
}

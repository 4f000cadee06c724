/** Parses a till's JSON into a `TillEvent`, or into a list of errors that point to its fields. */
import { Buffer } from 'node:buffer';
import { Compile } from 'typebox/compile';
import type { StoreId } from '../ids.ts';
import { CURRENCIES } from './currencies.ts';
import { FLAG, type Item, type TillEvent } from './event.ts';
import { escaped, type FieldError, report, reportSchemaErrors } from './field-errors.ts';
import { givenEvent, isFields, TOO_MANY_DECIMALS } from './given-event.ts';
import { MAX_ATTRS_BYTES, type TillEventInput, TillEventSchema } from './schema.ts';
import { eventTime, isEventTime, isOfClock, parseInstant } from './timestamp.ts';

export type { FieldError } from './field-errors.ts';

export type ParsedEvent =
  | { readonly ok: true; readonly event: TillEvent }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

export interface ParseContext {
  /** Milliseconds since 1970: the `ts` of an event without one. */
  readonly now: number;
  /**
   * What the machine's clock shows, milliseconds since 1970, while it is known to be wrong: a time
   * that the till took from it may be of any year, and is corrected where it is stored.
   */
  readonly wrongClock?: number | undefined;
  /** The store of an event without `dims.store`. */
  readonly store: StoreId | null;
}

const checker = Compile(TillEventSchema);

/** JSON has a negative zero; figures and checksums must not. */
const unsignedZero = (value: number): number => value + 0;

// The readers run on any input, so that the till learns of all its bad fields at once. They skip
// values of the wrong type, which the schema's errors report. After an error their results are not
// used.

const DIGITS = /^[0-9]+(?:\.[0-9]+)?$/;
const NUMBER_IN_QUOTES = 'is a number in quotes: give milliseconds since 1970 without the quotes';

function readTime(
  given: unknown,
  { now, wrongClock }: ParseContext,
  errors: FieldError[],
): { ts: number; offset: number } {
  if (given === undefined) {
    if (!isEventTime(now))
      report(errors, '/ts', "is missing, and this machine's clock is not in the years 2000 to 2099");
    return { ts: now, offset: 0 };
  }
  if (typeof given === 'string' || typeof given === 'number') {
    const instant = parseInstant(given);
    if (instant.ok && wrongClock !== undefined && isOfClock(instant.ts, wrongClock)) return instant;
    const time = eventTime(instant, given);
    if (time.ok) return time;
    report(errors, '/ts', typeof given === 'string' && DIGITS.test(given) ? NUMBER_IN_QUOTES : time.detail);
  }
  return { ts: now, offset: 0 };
}

const isHalved = (value: unknown): boolean => typeof value === 'string' && !value.isWellFormed();
const HALVED = 'holds half of a surrogate pair';

function checkMoney(amount: unknown, currency: unknown, errors: FieldError[]): void {
  if (amount !== undefined && currency === undefined) report(errors, '/currency', 'is required with an amount');
  if (typeof currency === 'string' && !CURRENCIES.has(currency)) {
    report(errors, '/currency', 'is not a currency of ISO 4217');
  }
}

function readDims(dims: unknown, errors: FieldError[]): string[] {
  const flat: string[] = [];
  if (!isFields(dims)) return flat;
  for (const key of Object.keys(dims).sort()) {
    if (isHalved(dims[key])) report(errors, `/dims/${escaped(key)}`, HALVED);
    flat.push(key, dims[key] as string);
  }
  return flat;
}

type GivenItem = NonNullable<TillEventInput['items']>[number];
const NO_PRICE = "is required, unless the line's total is given as its `amount`";

function readItem(item: unknown, index: number, errors: FieldError[]): Item {
  const { sku, qty, price, amount } = (isFields(item) ? item : {}) as unknown as GivenItem;
  const thousandths = unsignedZero(Math.round(qty * 1000));
  // A decimal with at most three digits is the double nearest to its thousandths divided by 1,000.
  if (typeof qty === 'number' && thousandths / 1000 !== qty) {
    report(errors, `/items/${index}/qty`, TOO_MANY_DECIMALS);
  }
  if (isHalved(sku)) report(errors, `/items/${index}/sku`, HALVED);
  if (isFields(item) && price === undefined && amount === undefined) report(errors, `/items/${index}/price`, NO_PRICE);
  const line = { sku, qty: thousandths, price: price === undefined ? null : unsignedZero(price) };
  return amount === undefined ? line : { ...line, amount: unsignedZero(amount) };
}

function attrsText(attrs: unknown, errors: FieldError[]): string | null {
  if (attrs === undefined) return null;
  try {
    const text = JSON.stringify(attrs);
    if (Buffer.byteLength(text) <= MAX_ATTRS_BYTES) return text;
    report(errors, '/attrs', `must be at most ${MAX_ATTRS_BYTES} bytes of JSON`);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    report(errors, '/attrs', 'is nested too deeply');
  }
  return null;
}

/**
 * Checks everything but the event's size in bytes (`MAX_EVENT_BYTES`), which only the reader of the
 * bytes knows.
 *
 * @param given one event as `parseExactJson` returns it
 */
export function parseEvent(given: unknown, context: ParseContext): ParsedEvent {
  const errors: FieldError[] = [];
  const input = givenEvent(given, errors);
  const { ts, offset } = readTime(isFields(input) ? input.ts : undefined, context, errors);
  if (!checker.Check(input)) reportSchemaErrors(checker, input, errors);
  if (!isFields(input)) return { ok: false, errors };
  checkMoney(input.amount, input.currency, errors);
  if (isHalved(input.ref)) report(errors, '/ref', HALVED);
  const dims = readDims(input.dims, errors);
  const items = Array.isArray(input.items) ? input.items.map((item, index) => readItem(item, index, errors)) : [];
  const attrs = attrsText(input.attrs, errors);
  if (errors.length > 0) return { ok: false, errors };
  const { type, amount, currency, ref, dims: named } = input as TillEventInput;
  return {
    ok: true,
    event: {
      type,
      ts,
      offset,
      flags: input.ts === undefined ? FLAG.tsDefaulted : 0,
      amount: amount === undefined ? null : unsignedZero(amount),
      currency: currency ?? null,
      ref: ref ?? null,
      store: (named as { store?: StoreId } | undefined)?.store ?? context.store,
      dims,
      items,
      attrs,
    },
  };
}

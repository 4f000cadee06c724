/**
 * An event as the schema and the readers of `parse.ts` take it: an optional field that is null is
 * left out, numbers are judged as they are written, and texts are in Unicode NFC.
 */
import { isRawNumber, type RawNumber, scaled } from '../exact-json.ts';
import { nfc } from '../nfc.ts';
import { escaped, type FieldError, report } from './field-errors.ts';
import { MAX_TEXT, TillEventSchema, TillItemSchema } from './schema.ts';

export type Fields = Readonly<Record<string, unknown>>;
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);

/** A required field that is null is missing, and told so. */
const EVENT_KEYS: ReadonlySet<string> = new Set(Object.keys(TillEventSchema.properties));
const ITEM_KEYS: ReadonlySet<string> = new Set(Object.keys(TillItemSchema.properties));
export const TOO_MANY_DECIMALS = 'must have at most three decimals';
const FRACTION = 'must be integer';
const FRACTIONAL_PRICE = "must be integer: leave it out, and give the line's total as its `amount`";
/** Decimals that a numeric field may have, and what to say of one that has more. */
const DECIMALS: Readonly<Record<string, { readonly decimals: number; readonly otherwise: string }>> = {
  ts: { decimals: 0, otherwise: FRACTION },
  amount: { decimals: 0, otherwise: FRACTION },
  price: { decimals: 0, otherwise: FRACTIONAL_PRICE },
  qty: { decimals: 3, otherwise: TOO_MANY_DECIMALS },
};

/** @param replaced the value to take in place of a field's; undefined: the field is left out */
function replaceFields(object: Fields, replaced: (key: string, value: unknown) => unknown): Fields {
  let copy: Record<string, unknown> | null = null;
  for (const key in object) {
    const before = object[key];
    const value = replaced(key, before);
    if (value === before) continue;
    copy ??= { ...object };
    if (value === undefined) delete copy[key];
    else copy[key] = value;
  }
  return copy ?? object;
}

/** @param item its index; null: a field of the event itself */
const pointerOf = (key: string, item: number | null): string =>
  `${item === null ? '' : `/items/${item}`}/${escaped(key)}`;

/** The number for the schema to judge. */
function judged({ rawJSON }: RawNumber, key: string, item: number | null, errors: FieldError[]): number {
  const { decimals, otherwise } = DECIMALS[key]!;
  const whole = scaled({ rawJSON }, decimals);
  if (whole !== null) return whole / 10 ** decimals;
  const rounded = Number(rawJSON);
  // A double that is too large is refused by the schema, in better words.
  if (Math.abs(rounded) <= Number.MAX_SAFE_INTEGER / 10 ** decimals) report(errors, pointerOf(key, item), otherwise);
  return rounded;
}

/** Code points of a text are at most its UTF-16 units. */
const isLong = (text: string): boolean => text.length > MAX_TEXT && [...text].length > MAX_TEXT;

/** In NFC, unless only that makes it too long: some characters of Indic scripts become two. */
function shortNfc(text: string): string {
  const composed = nfc(text);
  return composed.length > text.length && isLong(composed) && !isLong(text) ? text : composed;
}

/** A value of an event or an item, but for a null. */
function given(key: string, value: unknown, item: number | null, errors: FieldError[]): unknown {
  if (typeof value === 'string') return key === 'ref' || key === 'sku' ? shortNfc(value) : value;
  if (!isRawNumber(value)) return value;
  return Object.hasOwn(DECIMALS, key) ? judged(value, key, item, errors) : Number(value.rawJSON);
}

function givenItems(items: readonly unknown[], errors: FieldError[]): readonly unknown[] {
  return items.map((item, at) => {
    if (!isFields(item)) return isRawNumber(item) ? Number(item.rawJSON) : item;
    return replaceFields(item, (key, value) => {
      if (value === null && ITEM_KEYS.has(key)) return undefined;
      if (key === 'price' && typeof value === 'number' && !Number.isInteger(value))
        report(errors, pointerOf(key, at), FRACTIONAL_PRICE);
      return given(key, value, at, errors);
    });
  });
}

/** An empty dimension is none. */
const givenDims = (dims: Fields): Fields =>
  replaceFields(dims, (_key, value) => {
    if (value === null || value === '') return undefined;
    if (isRawNumber(value)) return Number(value.rawJSON);
    return typeof value === 'string' ? shortNfc(value) : value;
  });

/** @param input one event as `parseExactJson` returns it */
export function givenEvent(input: unknown, errors: FieldError[]): unknown {
  if (!isFields(input)) return isRawNumber(input) ? Number(input.rawJSON) : input;
  return replaceFields(input, (key, value) => {
    if (value === null) return EVENT_KEYS.has(key) ? undefined : value;
    if (key === 'attrs') return value;
    if (key === 'dims' && isFields(value)) return givenDims(value);
    if (key === 'items' && Array.isArray(value)) return givenItems(value, errors);
    return given(key, value, null, errors);
  });
}

/**
 * An event as the schema and the readers of `parse.ts` take it: numbers are judged as they are
 * written.
 */
import { isRawNumber, type RawNumber, scaled } from '../exact-json.ts';
import { escaped, type FieldError, report } from './field-errors.ts';

export type Fields = Readonly<Record<string, unknown>>;
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);

/** Decimals that a numeric field may have. */
const DECIMALS: Readonly<Record<string, number>> = { ts: 0, amount: 0, price: 0, qty: 3 };
export const TOO_MANY_DECIMALS = 'must have at most three decimals';

/** @param replaced the value to take in place of a field's */
function replaceFields(object: Fields, replaced: (key: string, value: unknown) => unknown): Fields {
  let copy: Record<string, unknown> | null = null;
  for (const key of Object.keys(object)) {
    const value = replaced(key, object[key]);
    if (value === object[key]) continue;
    copy ??= { ...object };
    copy[key] = value;
  }
  return copy ?? object;
}

/** The number for the schema to judge. */
function judged({ rawJSON }: RawNumber, decimals: number, pointer: string, errors: FieldError[]): number {
  const whole = scaled({ rawJSON }, decimals);
  if (whole !== null) return whole / 10 ** decimals;
  const rounded = Number(rawJSON);
  // A double that is too large is refused by the schema, in better words.
  if (Math.abs(rounded) <= Number.MAX_SAFE_INTEGER / 10 ** decimals)
    report(errors, pointer, decimals > 0 ? TOO_MANY_DECIMALS : 'must be integer');
  return rounded;
}

/** A value of an event or an item. */
function given(key: string, value: unknown, pointer: string, errors: FieldError[]): unknown {
  if (isRawNumber(value)) {
    const decimals = Object.hasOwn(DECIMALS, key) ? DECIMALS[key] : undefined;
    return decimals === undefined
      ? Number(value.rawJSON)
      : judged(value, decimals, `${pointer}/${escaped(key)}`, errors);
  }
  return value;
}

function givenItems(items: readonly unknown[], errors: FieldError[]): readonly unknown[] {
  return items.map((item, at) => {
    if (!isFields(item)) return isRawNumber(item) ? Number(item.rawJSON) : item;
    return replaceFields(item, (key, value) => given(key, value, `/items/${at}`, errors));
  });
}

const givenDims = (dims: Fields): Fields =>
  replaceFields(dims, (_key, value) => (isRawNumber(value) ? Number(value.rawJSON) : value));

/** @param input one event as `parseExactJson` returns it */
export function givenEvent(input: unknown, errors: FieldError[]): unknown {
  if (!isFields(input)) return isRawNumber(input) ? Number(input.rawJSON) : input;
  return replaceFields(input, (key, value) => {
    if (key === 'attrs') return value;
    if (key === 'dims' && isFields(value)) return givenDims(value);
    if (key === 'items' && Array.isArray(value)) return givenItems(value, errors);
    return given(key, value, '', errors);
  });
}

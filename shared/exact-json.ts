/**
 * JSON whose numbers stay as they are written. `JSON.parse` gives doubles: an order number of 17
 * digits changes its last one, and 1e400 becomes null.
 *
 * A number that a double would change, in value or in spelling, is parsed to a `RawNumber`;
 * `JSON.stringify` writes it as it was. All other values are those of `JSON.parse`.
 */

/** A number of JSON as it is written: an object of `JSON.rawJSON`. */
export interface RawNumber {
  readonly rawJSON: string;
}

// ECMA-262's JSON.parse with source text; TypeScript's library does not declare it yet.
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
interface SourceTextJson {
  parse(text: string, reviver: Reviver): unknown;
  rawJSON(source: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
}
const { parse, rawJSON, isRawJSON } = JSON as unknown as SourceTextJson;

export const isRawNumber: (value: unknown) => value is RawNumber = isRawJSON;

/**
 * A cheap check: whether a text may hold a number that a double changes. Parsing with a reviver
 * takes seven times as long as parsing without.
 */
const MAY_CHANGE =
  /(?:^|[:,[\s])(?:-0|-?[0-9]{16}|-?[0-9]{10,15}\.|-?[0-9]{1,15}(?:[eE]|\.[0-9]*[eE]|\.[0-9]{7}|\.[0-9]{0,5}0(?![0-9])))/;

const asWritten: Reviver = (_key, value, { source }) =>
  typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value;

/** @throws SyntaxError */
export const parseExactJson = (text: string): unknown =>
  MAY_CHANGE.test(text) ? parse(text, asWritten) : JSON.parse(text);

/** A number as it is written: `digits` × 10^`exponent`. Zero has no digits. */
export interface Decimal {
  readonly isNegative: boolean;
  /** Without zeros at either end. */
  readonly digits: string;
  /** May be infinite. */
  readonly exponent: number;
}

const NUMBER = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

export function decimalOf(number: number | RawNumber): Decimal {
  const source = typeof number === 'number' ? String(number) : number.rawJSON;
  const [, sign, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(source)!;
  const all = whole + fraction;
  let first = 0;
  let end = all.length;
  while (first < end && all[first] === '0') first++;
  while (end > first && all[end - 1] === '0') end--;
  return {
    isNegative: sign === '-',
    digits: all.slice(first, end),
    exponent: first === end ? 0 : Number(exponent) - fraction.length + (all.length - end),
  };
}

/** 2^53 has sixteen digits. */
const MAX_DIGITS = 16;

/**
 * A number times 10^`decimals`, exactly.
 *
 * @returns null when that is not whole, or too large to be exact
 */
export function scaled(number: number | RawNumber, decimals: number): number | null {
  const { isNegative, digits, exponent } = decimalOf(number);
  const zeros = exponent + decimals;
  if (digits === '') return 0;
  if (zeros < 0 || digits.length + zeros > MAX_DIGITS) return null;
  const value = Number(digits + '0'.repeat(zeros));
  return Number.isSafeInteger(value) ? (isNegative ? -value : value) : null;
}

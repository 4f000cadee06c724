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

/** V8 asks for a raw number outside its compiled code, so a look at the fields comes first. */
export const isRawNumber = (value: unknown): value is RawNumber =>
  typeof value === 'object' && value !== null && 'rawJSON' in value && isRawJSON(value);

const QUOTE = 0x22;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const BACKSLASH = 0x5c;
const LETTER_E = 0x65;
/** The bit that makes an ASCII letter lower case. */
const LOWER_CASE = 0x20;

/** Of a number without exponent: so few characters hold no more digits than a double keeps. */
const EXACT_LENGTH = 15;
/** Smaller fractions are spelled with an exponent. */
const EXACT_DECIMALS = 6;

/** The position of a text's closing quote; at the end where there is none. */
function stringEnd(text: string, open: number): number {
  let at = open + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) break;
    if (code === BACKSLASH) at++;
  }
  return at;
}

/**
 * Whether JSON may hold a number that a double changes; what stands in texts does not count. It is
 * cheap: parsing with a reviver takes five times as long as parsing without.
 */
export function mayChange(json: string): boolean {
  for (let at = 0; at < json.length; at++) {
    const first = json.charCodeAt(at);
    if (first === QUOTE) at = stringEnd(json, at);
    if (first !== MINUS && (first < ZERO || first > NINE)) continue;
    const start = at;
    let point = -1;
    let code = json.charCodeAt(++at);
    for (; code === POINT || (code >= ZERO && code <= NINE); code = json.charCodeAt(++at))
      if (code === POINT) point = at;
    if ((code | LOWER_CASE) === LETTER_E || at - start > EXACT_LENGTH) return true;
    if (first === MINUS && json.charCodeAt(start + 1) === ZERO) return true;
    if (point >= 0 && (at - point > 1 + EXACT_DECIMALS || json.charCodeAt(at - 1) === ZERO)) return true;
    at--;
  }
  return false;
}

const asWritten: Reviver = (_key, value, { source }) =>
  typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value;

/** @throws SyntaxError */
export const parseExactJson = (text: string): unknown => (mayChange(text) ? parse(text, asWritten) : JSON.parse(text));

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

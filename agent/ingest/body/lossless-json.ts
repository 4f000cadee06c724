/**
 * JSON as `JSON.parse` reads it, but for whole numbers too large to be exact that look like card numbers: they come as texts of their digits.
 * Rounded they would pass for something else, with nearly all of the card's digits in them.
 */
import { holdsCardData } from '../../../shared/event/card-data/card-data.ts';

/** Larger ones than 2^53 have sixteen digits or more. */
const LONG_NUMBER = /[:,[\s-][0-9][0-9.]{15}/;
const NUMBER = /^-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;
/** Of a card number that zeros fill up, and some more. */
const MAX_DIGITS = 64;

/** ECMA-262, JSON.parse: what TypeScript's library does not know yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** @throws SyntaxError */
export function parseJson(text: string): unknown {
  return LONG_NUMBER.test(text)
    ? JSON.parse(text, exact as (key: string, value: unknown) => unknown)
    : JSON.parse(text);
}

const exact: Reviver = (_key, value, { source }) => {
  if (typeof value !== 'number' || Math.abs(value) <= Number.MAX_SAFE_INTEGER || source === undefined) return value;
  const digits = wholeDigits(source);
  return digits !== null && holdsCardData(digits) ? digits : value;
};

/** The digits before the decimal point of a number as JSON writes it; null when there are far too many. */
function wholeDigits(source: string): string | null {
  const [, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(source) ?? [];
  const point = whole.length + Number(exponent);
  return point > MAX_DIGITS ? null : (whole + fraction).slice(0, Math.max(0, point)).padEnd(point, '0');
}

/**
 * Parses JSON like `JSON.parse`, except for whole numbers that are too large to be exact and look
 * like card numbers: they become strings of their digits. Rounded, they would pass the card check
 * with nearly all digits of the card in them.
 */
import { holdsCardData } from '../../../shared/event/card-data/card-data.ts';

/** Numbers above 2^53 have sixteen digits or more. */
const LONG_NUMBER = /[:,[\s-][0-9][0-9.]{15}/;
const NUMBER = /^-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;
/** Room for a card number padded with zeros. */
const MAX_DIGITS = 64;

/**
 * JSON.parse reviver of ECMA-262 with the source text; TypeScript's library does not declare it
 * yet.
 */
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

/** Digits before the decimal point of a JSON number; null when there are far too many. */
function wholeDigits(source: string): string | null {
  const [, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(source) ?? [];
  const point = whole.length + Number(exponent);
  return point > MAX_DIGITS ? null : (whole + fraction).slice(0, Math.max(0, point)).padEnd(point, '0');
}

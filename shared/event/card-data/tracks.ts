/**
 * The contents of a card's magnetic stripe (ISO/IEC 7813) in a normalized text: besides the number
 * a name, an expiry date and discretionary data, which must never be stored.
 */
import { isCardNumber, MAX_CARD_DIGITS, MIN_CARD_DIGITS } from './issuer-ranges.ts';

export interface Track {
  readonly start: number;
  /** Excluded. */
  readonly end: number;
  /** Where the card number ends, excluded. */
  readonly numberEnd: number;
}

/**
 * `%B` number `^` name `^` expiry date (or a `^` for none), service code, data `?`. Readers
 * sometimes drop the sentinels.
 */
const TRACK_1 = /%?[A-Za-z]?([0-9][0-9 -]{11,22}[0-9])\^[^^\r\n]{0,45}\^(?:[0-9]{4}|\^)(?:[^?\r\n]{0,80}\?|[0-9^]*)/g;
/**
 * `;` number `=` expiry date, service code, data `?`; chips write D for `=` (EMV tag 57), track 3
 * has two digits before the number.
 */
const TRACK_2 = /;?([0-9]{13,21})[=Dd]([0-9]{4}[0-9=Dd]*)[Ff]?\??/g;
/** Expiry date and service code. */
const FULL_DATE_AND_CODE = 7;

const MARKS = /\^|[0-9][=Dd][0-9]/;

/** In no particular order; they may overlap. */
export function tracksIn(plain: string): Track[] {
  if (!MARKS.test(plain)) return [];
  const found: Track[] = [];
  for (const match of plain.matchAll(TRACK_1)) {
    const digits = match[1]!.replaceAll(/[^0-9]/g, '').length;
    if (digits >= MIN_CARD_DIGITS && digits <= MAX_CARD_DIGITS) found.push(track(match, plain));
  }
  for (const match of plain.matchAll(TRACK_2)) {
    const [whole, number, rest] = match;
    // Without a sentinel only the number itself distinguishes a track from other digits.
    const marked = whole.startsWith(';') && whole.includes('=') && rest!.length >= FULL_DATE_AND_CODE;
    if (marked || isCardNumber([...number!].map(Number), 0, number!.length)) found.push(track(match, plain));
  }
  return found;
}

function track(match: RegExpExecArray, plain: string): Track {
  const [whole, number] = match;
  const start = match.index;
  return { start, end: start + whole.length, numberEnd: plain.indexOf(number!, start) + number!.length };
}

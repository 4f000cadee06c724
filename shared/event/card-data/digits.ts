/**
 * Card numbers among the digits of a normalized text.
 *
 * A *group* is a sequence of digits with nothing between them; a *run* is groups with separators
 * between them. A card number begins where a group begins and ends where a group ends, so "12 4111
 * 1111 1111 1111" contains one. Groups in which nobody writes a card number (4-3-8-2) form one only
 * with the lengths that nearly all cards have, and not with a date among them, because refs such as
 * store-till-date-number look like that.
 *
 * Within a group nothing is searched, with two exceptions: zeros that pad a field on the left, and
 * groups with more digits than nearly all cards have. A card number before its security code or
 * expiry date, or behind a record's lengths and amounts, is found at the group's beginning and end;
 * in a group of up to 19 digits, which may be a single number, only if it is of a worldwide scheme.
 * Windows at every position would take most long bar codes for cards (`npm run bench -- --only
 * cards` has the shares).
 */
import { isCardNumber, isWorldwide, MAX_CARD_DIGITS, MIN_CARD_DIGITS } from './issuer-ranges.ts';

/** Characters of the normalized text: from `start` on, `end` excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Between two groups: "4111 - 1111", and the double spaces of a printer. */
export const MAX_SEPARATORS = 4;
/** The lengths of nearly all cards. */
const USUAL_LENGTHS = [16, 15];
const MOST_USUALLY = 16;
/** And of Diners Club, in groups. */
const LEAST_UNUSUALLY_GROUPED = 14;
const MOST_UNUSUALLY_GROUPED = 16;
/**
 * Cards show their numbers in groups of one size, of which the last may be shorter, or in these
 * groupings.
 */
const USUAL_GROUPINGS: ReadonlySet<string> = new Set(['4-6-5', '4-6-4', '6-13']);
const DATE = /^(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])$/;
/** A date and time, optionally followed by digits; nanoseconds since 1970, from 2017 to 2036. */
const TIME =
  /^(?:20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9]|(?:1[5-9]|20)[0-9]{17}$)/;
/** Shorter numbers are not searched behind padding: "0049…" begins a telephone number. */
const MIN_FILLED_UP = 15;

const DIGIT = 1;
const SEPARATOR = 2;
const KINDS = new Uint8Array(128);
for (let code = 0; code <= 0x20; code++) KINDS[code] = SEPARATOR;
for (const separator of '-._/\x7f') KINDS[separator.charCodeAt(0)] = SEPARATOR;
for (const digit of '0123456789') KINDS[digit.charCodeAt(0)] = DIGIT;

const kindOf = (code: number): number => (code < 128 ? KINDS[code]! : 0);
const kindAt = (text: string, at: number): number => kindOf(text.charCodeAt(at));

/** @param code of a character of the normalized text */
export const isSeparator = (code: number): boolean => kindOf(code) === SEPARATOR;

/** A cheap check: whether 13 digits stand together somewhere. */
export function mayHoldCardNumber(plain: string): boolean {
  let digits = 0;
  let separators = 0;
  for (let at = 0; at < plain.length; at++) {
    const kind = kindAt(plain, at);
    if (kind === DIGIT) {
      separators = 0;
      if (++digits === MIN_CARD_DIGITS) return true;
    } else if (kind !== SEPARATOR || ++separators > MAX_SEPARATORS) digits = 0;
  }
  return false;
}

/** In order of their starts; they may overlap. */
export function cardNumbersIn(plain: string): Span[] {
  const found: Span[] = [];
  for (let at = 0; at < plain.length; at++) {
    if (kindAt(plain, at) !== DIGIT) continue;
    const run = readRun(plain, at);
    at = run.where.at(-1)!;
    if (run.digits.length >= MIN_CARD_DIGITS) searchRun(run, found);
  }
  return found;
}

interface Run {
  readonly digits: number[];
  /** Index in the text of each digit. */
  readonly where: number[];
  /** For each group, the index in `digits` after its last digit. */
  readonly groupEnds: number[];
}

function readRun(text: string, start: number): Run {
  const digits: number[] = [];
  const where: number[] = [];
  const groupEnds: number[] = [];
  for (let at = start; ; ) {
    for (; kindAt(text, at) === DIGIT; at++) {
      digits.push(text.charCodeAt(at) - 0x30);
      where.push(at);
    }
    groupEnds.push(digits.length);
    const end = at;
    while (at - end < MAX_SEPARATORS && kindAt(text, at) === SEPARATOR) at++;
    if (kindAt(text, at) !== DIGIT) return { digits, where, groupEnds };
  }
}

function searchRun({ digits, where, groupEnds }: Run, found: Span[]): void {
  const add = (start: number, length: number): unknown =>
    found.push({ start: where[start]!, end: where[start + length - 1]! + 1 });
  let start = 0;
  for (const [group, end] of groupEnds.entries()) {
    let filledUp = start;
    while (filledUp < end && digits[filledUp] === 0) filledUp++;
    const filled = end - filledUp;
    if (
      filledUp > start &&
      filled >= MIN_FILLED_UP &&
      filled <= MAX_CARD_DIGITS &&
      isCardNumber(digits, filledUp, filled)
    )
      add(filledUp, filled);
    for (let last = group; last < groupEnds.length; last++) {
      const length = groupEnds[last]! - start;
      if (length > MAX_CARD_DIGITS) break;
      // The grouping is checked last: it is the most expensive check, and few candidates reach it.
      if (
        length >= MIN_CARD_DIGITS &&
        isCardNumber(digits, start, length) &&
        isGroupedAsCards(digits, start, groupEnds.slice(group, last + 1))
      )
        add(start, length);
    }
    if (filled > MOST_USUALLY) {
      const mayBeOne = filled <= MAX_CARD_DIGITS;
      for (const length of USUAL_LENGTHS) {
        for (const from of [filledUp, end - length]) {
          if (!isCardNumber(digits, from, length)) continue;
          if (mayBeOne && (!isWorldwide(digits, from) || isTime(digits, filledUp, end))) continue;
          add(from, length);
        }
      }
    }
    start = end;
  }
}

const isTime = (digits: readonly number[], start: number, end: number): boolean =>
  TIME.test(digits.slice(start, end).join(''));

/** @param ends of the groups from `start` on */
function isGroupedAsCards(digits: readonly number[], start: number, ends: readonly number[]): boolean {
  if (ends.length === 1) return true;
  const sizes = ends.map((end, at) => end - (at === 0 ? start : ends[at - 1]!));
  const [size] = sizes as [number];
  if (sizes.every((other, at) => other === size || (at === sizes.length - 1 && other < size))) return true;
  if (USUAL_GROUPINGS.has(sizes.join('-'))) return true;
  const length = ends.at(-1)! - start;
  if (length < LEAST_UNUSUALLY_GROUPED || length > MOST_UNUSUALLY_GROUPED) return false;
  return !sizes.some((size, at) => size === 8 && DATE.test(digits.slice(ends[at]! - size, ends[at]).join('')));
}

/**
 * Card numbers among the digits of a plain text.
 *
 * A *group* is digits without anything between them, a *run* is groups with separators between them. A card number begins where a group
 * begins and ends where a group ends, so that "12 4111 1111 1111 1111" holds one. Within a group nothing is looked for, with two exceptions:
 * zeros that fill a field up from the left, and groups of more than 19 digits. Those can't be one number: a card number in front of its
 * expiry date, or behind a record's lengths and amounts, is found at their beginning and at their end. Windows all over them would take
 * most long bar codes for cards (`npm run bench -- --only cards` has the shares).
 */
import { isCardNumber, MAX_CARD_DIGITS, MIN_CARD_DIGITS } from './card-data-issuers.ts';

/** Of characters of the plain text: from `start` on, `end` not included. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Between two groups: "4111 - 1111", and the double spaces of a printer. */
const MAX_SEPARATORS = 4;
/** Of the lengths that a card number glued to others may have: what nearly all cards have. */
const USUAL_LENGTHS = [16, 15];
/** What fills up a field is not looked behind for shorter ones: "0049…" begins a telephone number. */
const MIN_FILLED_UP = 15;

const DIGIT = 1;
const SEPARATOR = 2;
const KINDS = new Uint8Array(128);
for (let code = 0; code <= 0x20; code++) KINDS[code] = SEPARATOR;
for (const separator of '-._/\x7f') KINDS[separator.charCodeAt(0)] = SEPARATOR;
for (const digit of '0123456789') KINDS[digit.charCodeAt(0)] = DIGIT;

const kindAt = (text: string, at: number): number => {
  const code = text.charCodeAt(at);
  return code < 128 ? KINDS[code]! : 0;
};

/** Whether 13 digits stand together somewhere in an ASCII text. */
const ENOUGH_DIGITS = /[0-9](?:[\0- \-._/\x7f]{0,4}[0-9]){12}/;

export const mayHoldCardNumber = (plain: string): boolean => ENOUGH_DIGITS.test(plain);

/** In the order of their beginnings; they may overlap. */
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
  /** Where in the text each digit is. */
  readonly where: number[];
  /** Of each group, the index in `digits` after its last one. */
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
  const check = (start: number, length: number): void => {
    if (isCardNumber(digits, start, length)) found.push({ start: where[start]!, end: where[start + length - 1]! + 1 });
  };
  let start = 0;
  for (const [group, end] of groupEnds.entries()) {
    let filledUp = start;
    while (filledUp < end && digits[filledUp] === 0) filledUp++;
    for (let last = group; last < groupEnds.length; last++) {
      const length = groupEnds[last]! - filledUp;
      if (length > MAX_CARD_DIGITS) break;
      if (length >= (filledUp > start ? MIN_FILLED_UP : MIN_CARD_DIGITS)) check(filledUp, length);
    }
    if (end - filledUp > MAX_CARD_DIGITS) {
      for (const length of USUAL_LENGTHS) {
        check(filledUp, length);
        check(end - length, length);
      }
    }
    start = end;
  }
}

/**
 * Card data in texts: payment card numbers (13 to 19 digits, an issuer's range, Luhn's check digit; also with separators, in any script's
 * digits, or split by characters that are not seen), and what magnetic stripes hold.
 */

import { groupedNumbersIn, mayHoldGroupedNumber } from './digit-groups.ts';
import { cardNumbersIn, mayHoldCardNumber, type Span } from './digits.ts';
import { excludedSpans, isPhoneNumber } from './exclusions.ts';
import { MIN_CARD_DIGITS } from './issuer-ranges.ts';
import { plainOf, withNotesAsSigns } from './normalize.ts';
import { tracksIn } from './tracks.ts';

/** Shown of a card number. PCI DSS 3.4.1 would allow the first six, too: nobody here needs them. */
const SHOWN_DIGITS = 4;
const NOT_ASCII = /[^\0-\x7f]/;
/** Looks at one text. Each may bring one number more to light, in texts that are made for it: the last leaves no digit. */
const MAX_LOOKS = 8;
const DIGIT_OF_ANY_SCRIPT = /[\p{Nd}\p{No}]/gu;

/** 13 digits of any script, with whatever between them. */
const ENOUGH_DIGITS = /^(?:[^0-9]*[0-9]){13}/;
const ENOUGH_OF_ANY_SCRIPT = /^(?:[^\p{Nd}\p{No}]*[\p{Nd}\p{No}]){13}/u;

/** Quick; a text without so many digits holds no card data, whatever it is. */
export const hasEnoughDigits = (text: string): boolean =>
  text.length >= MIN_CARD_DIGITS && (NOT_ASCII.test(text) ? ENOUGH_OF_ANY_SCRIPT : ENOUGH_DIGITS).test(text);

const mayHoldCardData = (text: string): boolean =>
  text.length >= MIN_CARD_DIGITS &&
  (NOT_ASCII.test(text) ? ENOUGH_OF_ANY_SCRIPT.test(text) : mayHoldCardNumber(text) || mayHoldGroupedNumber(text));

export const holdsCardData = (text: string): boolean => mayHoldCardData(text) && hiddenIn(text).length > 0;

/**
 * The text with card data masked: all but the last four digits of a card number, and all else of a track. As many code points as before; what
 * it gives holds no card data. The text itself when it holds none.
 *
 * @param fill stands for each character that is masked
 */
export function maskCardData(text: string, fill = '*'): string {
  let masked = text;
  // The four digits that are shown may make a number with those behind them.
  for (let looks = 0; mayHoldCardData(masked); looks++) {
    if (looks === MAX_LOOKS) return masked.replaceAll(DIGIT_OF_ANY_SCRIPT, fill);
    const hidden = hiddenIn(masked);
    if (hidden.length === 0) return masked;
    let next = '';
    let from = 0;
    for (const start of hidden) {
      next += masked.slice(from, start) + fill;
      from = start + (masked.codePointAt(start)! > 0xffff ? 2 : 1);
    }
    masked = next + masked.slice(from);
  }
  return masked;
}

/** For whatever leaves the agent besides events: log lines, error details, pages, exports. */
export const redact = (text: string): string => maskCardData(text);

/** Where the characters to mask start, ascending. */
function hiddenIn(text: string): number[] {
  if (!NOT_ASCII.test(text)) return ascending(hiddenInPlain(text));
  const hidden = new Set<number>();
  for (const reading of new Set([text, withNotesAsSigns(text)])) {
    const { text: plain, at } = plainOf(reading);
    for (const index of hiddenInPlain(plain)) hidden.add(at === null ? index : at[index]!);
  }
  return ascending(hidden);
}

function hiddenInPlain(plain: string): Set<number> {
  const hidden = new Set<number>();
  const numbers = cardNumbersIn(plain).concat(groupedNumbersIn(plain));
  const harmless = numbers.length > 0 ? excludedSpans(plain) : [];
  for (const number of numbers) {
    if (isPhoneNumber(plain, number) || harmless.some((span) => covers(span, number))) continue;
    // Of numbers that overlap only the end of the last is shown.
    for (const at of digitsIn(plain, number).slice(0, -SHOWN_DIGITS)) hidden.add(at);
  }
  for (const { start, end, numberEnd } of tracksIn(plain)) {
    const shown = digitsIn(plain, { start, end: numberEnd }).slice(-SHOWN_DIGITS);
    for (let at = start; at < end; at++) if (!shown.includes(at)) hidden.add(at);
  }
  return hidden;
}

const ascending = (indexes: ReadonlySet<number>): number[] => [...indexes].sort((a, b) => a - b);

const covers = (outer: Span, inner: Span): boolean => outer.start <= inner.start && inner.end <= outer.end;

function digitsIn(plain: string, { start, end }: Span): number[] {
  const digits: number[] = [];
  for (let at = start; at < end; at++) if (plain[at]! >= '0' && plain[at]! <= '9') digits.push(at);
  return digits;
}

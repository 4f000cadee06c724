/**
 * Finds and masks card data in texts. This is the design note of the folder.
 *
 * What is masked: payment card numbers (13 to 19 digits, in an issuer's range, with a valid Luhn
 * check digit; also with separators, in the digits of any script, or split by invisible
 * characters), and the contents of magnetic stripes. The last four digits of a number stay visible;
 * of a stripe nothing else does.
 *
 * Why these rules: tills write card data into refs, notes and attributes, and it must be masked
 * before the first write to a disk. Luhn alone matches one number in ten, and receipts are full of
 * numbers. So a number must also be in an issuer's range (`issuer-ranges.ts`), begin and end where
 * digit groups do (`digits.ts`, `digit-groups.ts`), and must not be a UUID, an IBAN or a telephone
 * number (`exclusions.ts`). A track needs no check digit where its own marks identify it
 * (`tracks.ts`). Texts are normalized first (`normalize.ts`). `mask-event.ts` applies this to the
 * fields of an event, where bar codes are exempt in the fields that hold bar codes.
 *
 * Accepted false positives: a number that satisfies all of this by chance is masked. That costs a
 * reference or a note; a missed card number would cost more. Accepted misses: a number within a
 * longer group of digits, away from its ends, because a search at every position would take most
 * long bar codes for cards; and a number that is split over several values (elements of an array,
 * fields, a JSON number and its fraction): the article numbers of one real receipt in sixty look
 * like one in a row, and one in fourteen lists of four price look-up codes.
 * `npm run bench -- --only cards` measures the shares.
 */

import { groupedNumbersIn, mayHoldGroupedNumber } from './digit-groups.ts';
import { cardNumbersIn, mayHoldCardNumber, type Span } from './digits.ts';
import { excludedSpans, isPhoneNumber } from './exclusions.ts';
import { MIN_CARD_DIGITS } from './issuer-ranges.ts';
import { normalize, withNotesAsSigns } from './normalize.ts';
import { tracksIn } from './tracks.ts';

/**
 * Visible digits of a card number. PCI DSS 3.4.1 would allow the first six, too: nobody here needs
 * them.
 */
const SHOWN_DIGITS = 4;
const NOT_ASCII = /[^\0-\x7f]/;
/**
 * Passes over one text. Masking may complete another number, made of the visible digits and those
 * behind them; the last pass masks every digit.
 */
const MAX_PASSES = 8;
const DIGIT_OF_ANY_SCRIPT = /[\p{Nd}\p{No}]/gu;

/** 13 digits of any script, with anything between them. */
const ENOUGH_DIGITS = /^(?:[^0-9]*[0-9]){13}/;
const ENOUGH_OF_ANY_SCRIPT = /^(?:[^\p{Nd}\p{No}]*[\p{Nd}\p{No}]){13}/u;

/** A cheap check: a text with fewer digits holds no card data. */
export const hasEnoughDigits = (text: string): boolean =>
  text.length >= MIN_CARD_DIGITS && (NOT_ASCII.test(text) ? ENOUGH_OF_ANY_SCRIPT : ENOUGH_DIGITS).test(text);

const mayHoldCardData = (text: string): boolean =>
  text.length >= MIN_CARD_DIGITS &&
  (NOT_ASCII.test(text) ? ENOUGH_OF_ANY_SCRIPT.test(text) : mayHoldCardNumber(text) || mayHoldGroupedNumber(text));

export const holdsCardData = (text: string): boolean => mayHoldCardData(text) && hiddenIn(text).length > 0;

/**
 * Masks the card data in a text: all but the last four digits of a card number, and everything else
 * of a track. The result has as many code points and holds no card data. A text without card data
 * is returned unchanged.
 *
 * @param fill replaces each masked character
 */
export function maskCardData(text: string, fill = '*'): string {
  let masked = text;
  // The four visible digits may form another number with those behind them.
  for (let passes = 0; mayHoldCardData(masked); passes++) {
    if (passes === MAX_PASSES) return masked.replaceAll(DIGIT_OF_ANY_SCRIPT, fill);
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

/** For all output of the agent besides events: log lines, error details, pages, exports. */
export const redact = (text: string): string => maskCardData(text);

/** Start indexes of the characters to mask, ascending. */
function hiddenIn(text: string): number[] {
  if (!NOT_ASCII.test(text)) return ascending(hiddenInPlain(text));
  const hidden = new Set<number>();
  for (const reading of new Set([text, withNotesAsSigns(text)])) {
    const { text: plain, at } = normalize(reading);
    for (const index of hiddenInPlain(plain)) hidden.add(at === null ? index : at[index]!);
  }
  return ascending(hidden);
}

function hiddenInPlain(plain: string): Set<number> {
  const hidden = new Set<number>();
  const numbers = cardNumbersIn(plain).concat(groupedNumbersIn(plain));
  const excluded = numbers.length > 0 ? excludedSpans(plain) : [];
  for (const number of numbers) {
    if (isPhoneNumber(plain, number) || excluded.some((span) => covers(span, number))) continue;
    // Of overlapping numbers only the end of the last one stays visible.
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

/**
 * Card numbers in the digit groups that cards show, with any separator between the groups: any
 * sign, a letter, the blanks between columns, an escaped blank.
 *
 * Other groupings count only between blanks, dashes and dots (`digits.ts`), because bar codes in a
 * list are 8-8 or 13-13, and amounts 2-2-2-2. Single digits count when there are as many as on a
 * card.
 */
import { isSeparator, MAX_SEPARATORS, type Span } from './digits.ts';
import { isCardNumber, MAX_CARD_DIGITS, MIN_CARD_DIGITS } from './issuer-ranges.ts';

const BLANK = String.raw`[\0- \x7f]`;
const SIGN = String.raw`[!-/:-@[-\x60{-~]`;
/**
 * Escapes of URLs and of programming languages. The end of one may look like the start of a number.
 */
const ESCAPE = String.raw`%[0-9a-f]{2}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}`;
const ENTITY = String.raw`&#?[0-9a-z]{2,8};|\\[a-z]`;
/** Five elements suffice for a list's `", "`; the asterisks of a masked number are more. */
const gap = (...marks: string[]): string =>
  `(?:(?:${BLANK}{1,16}(?!${BLANK})|${[...marks, SIGN].join('|')}){1,5}| ?[a-z\uffff] ?)`;
const ANY_GAP = gap(ESCAPE, ENTITY);
const group = (least: number, most = least): string => `([0-9]{${least},${most}})(?![0-9])`;

/**
 * 4-4-4-1 to 4-4-4-4, optionally followed by 1 to 3 more digits; 4-6-4 and 4-6-5. Only the first
 * group is consumed, because each may begin a number.
 */
const groupsWith = (between: string): RegExp =>
  new RegExp(
    `${group(4)}(?<=(?:^|[^0-9]|${ESCAPE})[0-9]{4})` +
      `(?=(${between}(?:${group(4)}${between}${group(4)}${between}${group(1, 4)}|${group(6)}${between}${group(4, 5)}))(${between}${group(1, 3)})?)`,
    'gi',
  );
/**
 * "%1111" is a sign and four digits in the first, and may be an escape and two digits in the
 * second.
 */
const GROUPS = groupsWith(gap());
const GROUPS_AND_ESCAPES = groupsWith(ANY_GAP);
const SINGLE = '[0-9](?![0-9])';
/** With the same separator between all of them. */
const ONE_BY_ONE = new RegExp(
  String.raw`(?<![0-9])${SINGLE}(?<gap>${ANY_GAP})${SINGLE}(?:\k<gap>${SINGLE}){11,}`,
  'gi',
);
const BEHIND_ESCAPE = new RegExp(`(?:${ESCAPE})([0-9]{${MIN_CARD_DIGITS},${MAX_CARD_DIGITS}})(?![0-9])`, 'gi');

/** The minimum number of groups with four or more digits in `GROUPS`. */
const LEAST_LONG = 3;
const LONG = 4;

interface Chances {
  readonly groups: boolean;
  readonly oneByOne: boolean;
  readonly escapes: boolean;
  readonly behindEscape: boolean;
}

/**
 * A cheap check: which of the forms the text may contain, where not all gaps are such as
 * `digits.ts` accepts. Two letters end a number, unless an escape precedes them.
 */
function chancesIn(plain: string): Chances | null {
  const chances = { groups: false, oneByOne: false, escapes: false, behindEscape: false };
  let groups = 0;
  let long = 0;
  let length = 0;
  let letters = 0;
  let separators = 0;
  let isWide = false;
  for (let at = 0; at < plain.length; at++) {
    const code = plain.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) {
      letters = separators = 0;
      length++;
      if (length === 1) groups++;
      if (length === LONG) long++;
      if (isWide && groups >= MIN_CARD_DIGITS) chances.oneByOne = true;
      if (isWide && long >= LEAST_LONG) chances.groups = true;
      if (length === MIN_CARD_DIGITS) chances.behindEscape ||= chances.escapes;
    } else {
      length = 0;
      if (!isSeparator(code)) {
        isWide = true;
        chances.escapes ||= beginsEscape(code);
      } else if (++separators > MAX_SEPARATORS) isWide = true;
      if (!chances.escapes && isLetter(code) && ++letters > 1) {
        groups = long = 0;
        isWide = false;
      }
    }
  }
  return chances.groups || chances.oneByOne || chances.behindEscape ? chances : null;
}

const isLetter = (code: number): boolean =>
  (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || code > 0x7f;

/** %, & or \. */
const beginsEscape = (code: number): boolean => code === 0x25 || code === 0x26 || code === 0x5c;

export const mayHoldGroupedNumber = (plain: string): boolean => chancesIn(plain) !== null;

/** In no particular order; they may overlap. */
export function groupedNumbersIn(plain: string): Span[] {
  const chances = chancesIn(plain);
  if (chances === null) return [];
  const found: Span[] = [];
  const check = (number: string, start: number, end: number): void => {
    if (isCardNumber([...number].map(Number), 0, number.length)) found.push({ start, end });
  };
  const forms = chances.groups ? (chances.escapes ? [GROUPS, GROUPS_AND_ESCAPES] : [GROUPS]) : [];
  for (const match of forms.flatMap((form) => [...plain.matchAll(form)])) {
    const [first, , rest, a, b, c, d, e, more, moreDigits] = match;
    const number = [first, a, b, c, d, e].join('');
    const end = match.index + first.length + rest!.length;
    check(number, match.index, end);
    if (more !== undefined) check(number + moreDigits, match.index, end + more.length);
  }
  for (const { 0: whole, index, groups } of chances.oneByOne ? plain.matchAll(ONE_BY_ONE) : []) {
    const number = whole.replaceAll(groups!.gap!, '');
    if (number.length <= MAX_CARD_DIGITS) check(number, index, index + whole.length);
  }
  for (const { 0: whole, 1: number, index } of chances.behindEscape ? plain.matchAll(BEHIND_ESCAPE) : [])
    check(number!, index + whole.length - number!.length, index + whole.length);
  return found;
}

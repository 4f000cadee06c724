/**
 * Normalizes a text to ASCII, for the search for card data only: digits of every script as 0 to 9,
 * full-width letters and signs as ASCII's, spaces, dashes and dots as ' ', '-' and '.', other signs
 * as '|', without invisible characters (zero-width characters, variation selectors, combining
 * accents).
 */

export interface NormalizedText {
  /** One UTF-16 unit per kept character. */
  readonly text: string;
  /**
   * Index in the given text of each kept character, and at the end the given text's length; null:
   * the texts are equal.
   */
  readonly at: readonly number[] | null;
}

/** Replaces a character without meaning here: a letter of another script. */
const OTHER = '\uffff';
const SIGN = '|';
const NOT_ASCII = /[^\0-\x7f]/;
const DIGIT = /^\p{Nd}$/u;
const SPACE = /^[\p{White_Space}\u2800]$/u;
const DASH = /^[\p{Pd}\u2212\u2043\u02d7]$/u;
const DOT = /^[\u00b7\u2022\u2024\u2027\u2219\u22c5\u3002\u30fb\uff61\uff65]$/u;
const SLASH = /^[\u2044\u2215\u29f8]$/u;
const ANY_SIGN = /^[\p{P}\p{S}]$/u;
const INVISIBLE = /^[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Mn}\p{Me}]$/u;

export function normalize(given: string): NormalizedText {
  if (!NOT_ASCII.test(given)) return { text: given, at: null };
  let text = '';
  const at: number[] = [];
  for (let start = 0; start < given.length; ) {
    const code = given.codePointAt(start)!;
    const plain = code < 0x80 ? given[start]! : normalizeCharacter(code);
    if (plain !== '') {
      text += plain;
      at.push(start);
    }
    start += code > 0xffff ? 2 : 1;
  }
  at.push(given.length);
  return { text, at };
}

/** The letters of most texts beyond ASCII: Latin, Greek, Cyrillic; Chinese, Japanese; Korean. */
const isCommonLetter = (code: number): boolean =>
  (code >= 0xc0 && code < 0x2b0) ||
  (code >= 0x386 && code < 0x483) ||
  (code >= 0x3041 && code < 0x3097) ||
  (code >= 0x3400 && code < 0xa000) ||
  (code >= 0xac00 && code < 0xd7a4);

/** @returns '' for an invisible character */
function normalizeCharacter(code: number): string {
  if (isCommonLetter(code)) return OTHER;
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0);
  const character = String.fromCodePoint(code);
  if (DIGIT.test(character)) return String(digitOf(code));
  if (SPACE.test(character)) return ' ';
  if (DASH.test(character)) return '-';
  if (DOT.test(character)) return '.';
  if (SLASH.test(character)) return '/';
  if (INVISIBLE.test(character)) return '';
  // Superscript and circled digits.
  const compatible = character.normalize('NFKC');
  if (/^[0-9]$/.test(compatible)) return compatible;
  return ANY_SIGN.test(character) ? SIGN : OTHER;
}

const NOTE = /\p{No}/gu;

/**
 * Replaces superscript, circled and similar digits by signs, and keeps all other positions: such a
 * digit may belong to a number, or be a note to it.
 */
export const withNotesAsSigns = (given: string): string =>
  given.replaceAll(NOTE, (note) => SIGN.padEnd(note.length, '\u200b'));

/** Unicode keeps each script's decimal digits together, in tens starting with 0 (chapter 4.6). */
function digitOf(code: number): number {
  let first = code;
  while (DIGIT.test(String.fromCodePoint(first - 1))) first--;
  return (code - first) % 10;
}

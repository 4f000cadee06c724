/**
 * Exclusions: numbers that only look like card numbers, as their own check digits or their form
 * prove.
 */
import type { Span } from './digits.ts';

/** RFC 9562; also a UUID in which the digits happen to stand together. */
const UUID = /(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])/gi;

/**
 * From the IBAN registry (SWIFT, ISO 13616): country and length, of IBANs with 13 digits or more.
 */
const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    'AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23GL18GR27GT28HR21' +
    'HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NL18NO15PK24PL28PS29PT25QA29RO24' +
    'RS22SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20'
  )
    .match(/[A-Z]{2}\d\d/g)!
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);
const IBAN_START = /(?<![A-Za-z0-9])([A-Z]{2})[0-9]{2}(?= ?[A-Z0-9]{4})/g;

/**
 * E.164 allows 15 digits; but where country codes begin like card numbers (+30, +34, +36 to +39,
 * +4, +63, +67), numbering plans end at 13 digits, and Indonesia's at 14.
 */
const PHONE = /^(?:[0-9]{1,13}|62[0-9]{12})$/;

/** @param plain as returned by `normalize` */
export const excludedSpans = (plain: string): Span[] => [...uuidsIn(plain), ...ibansIn(plain)];

/** @param span of a number that looks like a card number */
export const isPhoneNumber = (plain: string, { start, end }: Span): boolean =>
  plain[start - 1] === '+' && PHONE.test(plain.slice(start, end).replaceAll(/[^0-9]/g, ''));

const uuidsIn = (plain: string): Span[] =>
  [...plain.matchAll(UUID)].map(({ index, 0: uuid }) => ({ start: index, end: index + uuid.length }));

function ibansIn(plain: string): Span[] {
  const found: Span[] = [];
  for (const { index, 1: country } of plain.matchAll(IBAN_START)) {
    const length = IBAN_LENGTHS.get(country!);
    if (length === undefined) continue;
    let characters = '';
    let end = index;
    for (; characters.length < length && /[A-Z0-9 ]/.test(plain[end] ?? ''); end++) {
      if (plain[end] !== ' ') characters += plain[end];
    }
    if (characters.length === length && !/[A-Za-z0-9]/.test(plain[end] ?? '') && passesMod97(characters))
      found.push({ start: index, end });
  }
  return found;
}

/**
 * ISO/IEC 7064, MOD 97-10: letters count from A = 10, the first four characters are moved to the
 * end.
 */
function passesMod97(iban: string): boolean {
  let rest = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

const GS1_LENGTHS: ReadonlySet<number> = new Set([13, 14, 18]);

/**
 * Whether a text is exactly a GTIN-13 (EAN), GTIN-14 or SSCC with a valid check digit (GS1 General
 * Specifications, 7.9).
 */
export function isBarCode(text: string): boolean {
  if (!GS1_LENGTHS.has(text.length) || !/^[0-9]+$/.test(text)) return false;
  let sum = 0;
  for (let at = text.length - 1, weight = 1; at >= 0; at--, weight = 4 - weight) sum += weight * Number(text[at]);
  return sum % 10 === 0;
}

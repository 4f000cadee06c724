/**
 * Generates shop numbers that look like card numbers but are none: the card masking should let them
 * pass.
 */

type Random = () => number;

export interface NearMiss {
  readonly what: string;
  /** Whether none of them may be taken for a card number. */
  readonly mustPass: boolean;
  /** Where it stands in an event. */
  readonly place: 'ref' | 'sku' | 'attrs';
  readonly make: (next: Random) => string;
}

const whole = (next: Random, least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
const digits = (next: Random, count: number): string => Array.from({ length: count }, () => whole(next, 0, 9)).join('');
const padded = (value: number, length: number): string => String(value).padStart(length, '0');

/** GS1 General Specifications, 7.9: appends the check digit of a GTIN or an SSCC. */
function withGs1Digit(body: string): string {
  let sum = 0;
  for (let at = body.length - 1, weight = 3; at >= 0; at--, weight = 4 - weight) sum += weight * Number(body[at]);
  return body + ((10 - (sum % 10)) % 10);
}

function withLuhnDigit(body: string): string {
  let sum = 0;
  for (let at = body.length - 1, factor = 2; at >= 0; at--, factor = 3 - factor) {
    const product = factor * Number(body[at]);
    sum += product > 9 ? product - 9 : product;
  }
  return body + ((10 - (sum % 10)) % 10);
}

/** German IBANs: 18 digits after the check digits of ISO/IEC 7064. */
function iban(next: Random): string {
  const account = digits(next, 18);
  const rest = Number(BigInt(`${account}131400`) % 97n);
  return `DE${padded(98 - rest, 2)}${account}`;
}

const FROM = Date.UTC(2020, 0, 1);
const instant = (next: Random): Date => new Date(whole(next, FROM, FROM + 15 * 365 * 86_400_000));
const dateDigits = (date: Date): string => date.toISOString().replaceAll(/[^0-9]/g, '');
const inFours = (text: string): string => text.match(/.{1,4}/g)!.join(' ');
const ean8 = (next: Random): string => withGs1Digit(digits(next, 7));
const ean13 = (next: Random): string => withGs1Digit(digits(next, 12));

/** An EAN as found in European shops: German ones begin with 4. */
const germanEan = (next: Random): string => withGs1Digit(`4${whole(next, 0, 3)}${digits(next, 10)}`);

export const NEAR_MISSES: readonly NearMiss[] = [
  { what: 'epoch ms', mustPass: true, place: 'ref', make: (next) => String(instant(next).getTime()) },
  { what: 'epoch µs', mustPass: true, place: 'ref', make: (next) => `${instant(next).getTime()}${digits(next, 3)}` },
  { what: 'epoch ns', mustPass: true, place: 'attrs', make: (next) => `${instant(next).getTime()}${digits(next, 6)}` },
  { what: 'yyyymmddhhmmss', mustPass: true, place: 'ref', make: (next) => dateDigits(instant(next)).slice(0, 14) },
  { what: 'yyyymmddhhmmssSSS', mustPass: true, place: 'ref', make: (next) => dateDigits(instant(next)) },
  { what: 'ISO 8601', mustPass: true, place: 'attrs', make: (next) => instant(next).toISOString() },
  { what: 'UUID', mustPass: true, place: 'ref', make: uuid },
  { what: 'IBAN', mustPass: true, place: 'attrs', make: iban },
  { what: 'IBAN in fours', mustPass: true, place: 'attrs', make: (next) => inFours(iban(next)) },
  {
    what: 'telephone, +49 …',
    mustPass: true,
    place: 'attrs',
    make: (next) => `+49 15${digits(next, 1)} ${digits(next, 8)}`,
  },
  { what: 'telephone, +4915…', mustPass: true, place: 'attrs', make: (next) => `+4915${digits(next, 9)}` },
  { what: 'IMEI', mustPass: true, place: 'attrs', make: (next) => withLuhnDigit(`35${digits(next, 12)}`) },
  { what: 'ISBN-13', mustPass: true, place: 'sku', make: (next) => withGs1Digit(`978${digits(next, 9)}`) },
  { what: 'EAN-8', mustPass: true, place: 'sku', make: ean8 },
  { what: 'UPC-A', mustPass: true, place: 'sku', make: (next) => withGs1Digit(digits(next, 11)) },
  { what: 'EAN-13', mustPass: true, place: 'sku', make: ean13 },
  { what: 'EAN-13 of Germany', mustPass: true, place: 'sku', make: germanEan },
  { what: 'GTIN-14', mustPass: true, place: 'sku', make: (next) => withGs1Digit(digits(next, 13)) },
  { what: 'EAN-13, not as a sku', mustPass: false, place: 'attrs', make: ean13 },
  { what: 'EAN-13 of Germany, not as a sku', mustPass: false, place: 'attrs', make: germanEan },
  { what: 'GTIN-14, not as a sku', mustPass: false, place: 'attrs', make: (next) => withGs1Digit(digits(next, 13)) },
  { what: 'SSCC, not as a sku', mustPass: false, place: 'attrs', make: (next) => withGs1Digit(digits(next, 17)) },
  {
    what: 'GS1-128, (01)…(17)…(10)…',
    mustPass: false,
    place: 'attrs',
    make: (next) => `(01)0${ean13(next)}(17)${dateDigits(instant(next)).slice(2, 8)}(10)${digits(next, 6)}`,
  },
  {
    what: 'GS1-128 without brackets',
    mustPass: false,
    place: 'sku',
    make: (next) => `010${ean13(next)}17${dateDigits(instant(next)).slice(2, 8)}10${digits(next, 6)}`,
  },
  { what: 'telephone, 4915…', mustPass: false, place: 'attrs', make: (next) => `4915${digits(next, 9)}` },
  {
    what: 'yymmddhhmmss and 4 digits',
    mustPass: false,
    place: 'ref',
    make: (next) => `${dateDigits(instant(next)).slice(2, 14)}${digits(next, 4)}`,
  },
  { what: 'hexadecimal, 32', mustPass: false, place: 'ref', make: (next) => uuid(next).replaceAll('-', '') },
  {
    what: 'list of amounts',
    mustPass: false,
    place: 'attrs',
    make: (next) => Array.from({ length: 8 }, () => whole(next, 50, 9_999)).join(' '),
  },
  {
    what: 'list of amounts, with commas',
    mustPass: false,
    place: 'attrs',
    make: (next) => Array.from({ length: 8 }, () => whole(next, 50, 9_999)).join(','),
  },
  {
    what: 'list of decimal amounts, 12.50,13.00',
    mustPass: true,
    place: 'attrs',
    make: (next) => Array.from({ length: 8 }, () => (whole(next, 50, 9_999) / 100).toFixed(2)).join(','),
  },
  {
    what: 'list of EAN-13',
    mustPass: false,
    place: 'attrs',
    make: (next) => [ean13(next), ean13(next), ean13(next)].join(','),
  },
  { what: 'list of EAN-8', mustPass: true, place: 'attrs', make: (next) => [ean8(next), ean8(next)].join(',') },
  {
    what: 'ISBN-13 and quantity, 9783161484100;12',
    mustPass: true,
    place: 'attrs',
    make: (next) => `${withGs1Digit(`978${digits(next, 9)}`)};${whole(next, 1, 999)}`,
  },
  {
    what: 'ratings, 5,4,5,…',
    mustPass: false,
    place: 'attrs',
    make: (next) => Array.from({ length: whole(next, 2, 30) }, () => whole(next, 1, 5)).join(','),
  },
  {
    what: 'sizes, 38;40;42;…',
    mustPass: true,
    place: 'attrs',
    make: (next) => Array.from({ length: whole(next, 2, 12) }, () => whole(next, 30, 48)).join(';'),
  },
  {
    what: 'date and time, 22.11.2026, 09:30:00',
    mustPass: true,
    place: 'attrs',
    make: (next) =>
      instant(next)
        .toISOString()
        .replace(/^(....)-(..)-(..)T(.*)\..*$/, '$3.$2.$1, $4'),
  },
  {
    what: 'IPv6 address',
    mustPass: false,
    place: 'attrs',
    make: (next) => uuid(next).replaceAll('-', '').match(/.{4}/g)!.join(':'),
  },
  {
    what: 'yyyymmddhhmmss and 4 digits',
    mustPass: true,
    place: 'ref',
    make: (next) => `${dateDigits(instant(next)).slice(0, 14)}${digits(next, 4)}`,
  },
  {
    what: 'yymmddhhmmss and 6 digits',
    mustPass: false,
    place: 'ref',
    make: (next) => `${dateDigits(instant(next)).slice(2, 14)}${digits(next, 6)}`,
  },
  {
    what: 'store-till-date-number',
    mustPass: false,
    place: 'ref',
    make: (next) =>
      `${padded(whole(next, 1, 99), 4)}-${whole(next, 1, 9)}-${dateDigits(instant(next)).slice(0, 8)}-${padded(whole(next, 1, 9_999), 5)}`,
  },
  { what: 'invoice, INV-2026-0001234', mustPass: true, place: 'ref', make: (next) => `INV-2026-${digits(next, 7)}` },
  ...[13, 14, 15, 16, 17, 18, 19, 24].map(
    (length): NearMiss => ({
      what: `order number, ${length} random digits`,
      mustPass: false,
      place: 'ref',
      make: (next) => `${whole(next, 1, 9)}${digits(next, length - 1)}`,
    }),
  ),
  {
    what: 'order number, 16 digits from 10…',
    mustPass: true,
    place: 'ref',
    make: (next) => `10000${digits(next, 11)}`,
  },
  {
    what: 'loyalty number, 9826… (16, Luhn)',
    mustPass: true,
    place: 'attrs',
    make: (next) => withLuhnDigit(`9826${digits(next, 11)}`),
  },
  {
    what: 'loyalty number, 6340… (18, Luhn)',
    mustPass: false,
    place: 'attrs',
    make: (next) => withLuhnDigit(`6340${digits(next, 13)}`),
  },
];

function uuid(next: Random): string {
  const hex = Array.from({ length: 32 }, () => whole(next, 0, 15).toString(16)).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

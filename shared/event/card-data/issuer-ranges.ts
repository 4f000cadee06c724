/**
 * Issuer ranges: which numbers are issued as card numbers (ISO/IEC 7812), by first digits, length
 * and Luhn check digit.
 *
 * Luhn alone accepts one in ten of all numbers. The ranges are wide where cards are, 16 to 19
 * digits, and narrow below, where bar codes, telephone and device numbers are. Numbers that begin
 * with 1 are left out from 16 digits on (GPN of Indonesia, 1946), because times in microseconds and
 * nanoseconds begin so. Sources: the lists of Wikipedia ("Payment card number") and of
 * braintree/credit-card-type, and the schemes' published test numbers.
 */

export const MIN_CARD_DIGITS = 13;
export const MAX_CARD_DIGITS = 19;
const PREFIX_DIGITS = 4;

interface Range {
  readonly issuer: string;
  /** Ranges of first digits, from … to, each four digits long. */
  readonly prefixes: readonly (readonly [number, number])[];
  readonly lengths: readonly [least: number, most: number];
}

const RANGES: readonly Range[] = [
  { issuer: 'Visa of old', prefixes: [[4000, 4999]], lengths: [13, 13] },
  { issuer: 'Visa, and Elo, Switch and Dankort within it', prefixes: [[4000, 4999]], lengths: [16, 19] },
  {
    issuer: 'Mastercard',
    prefixes: [
      [5100, 5599],
      [2221, 2720],
    ],
    lengths: [16, 16],
  },
  {
    issuer: 'American Express',
    prefixes: [
      [3400, 3499],
      [3700, 3799],
    ],
    lengths: [15, 15],
  },
  {
    issuer: 'Diners Club; Hipercard (3841)',
    prefixes: [
      [3000, 3099],
      [3600, 3699],
      [3800, 3999],
    ],
    lengths: [14, 14],
  },
  {
    issuer: 'Diners Club; Hipercard (3841)',
    prefixes: [
      [3000, 3099],
      [3600, 3699],
      [3800, 3999],
    ],
    lengths: [16, 19],
  },
  {
    issuer: 'JCB; RuPay (353, 356); LankaPay (3571)',
    prefixes: [[3528, 3589]],
    lengths: [16, 19],
  },
  {
    issuer: 'JCB of old',
    prefixes: [
      [1800, 1800],
      [2131, 2131],
    ],
    lengths: [15, 15],
  },
  {
    issuer:
      'Maestro, Discover, RuPay, UnionPay, Verve, Elo, Hipercard, Troy, Dankort, eftpos, InstaPayment, Cabal, Humo, Laser, Solo',
    prefixes: [
      [5000, 5099],
      [5600, 6999],
    ],
    lengths: [16, 19],
  },
  { issuer: 'UnionPay', prefixes: [[6200, 6299]], lengths: [14, 15] },
  {
    issuer: 'Maestro of old, where no bar codes begin so',
    prefixes: [
      [6304, 6304],
      [6750, 6779],
    ],
    lengths: [13, 15],
  },
  { issuer: 'UnionPay, RuPay', prefixes: [[8100, 8299]], lengths: [16, 19] },
  { issuer: 'Mir; BORICA (2205)', prefixes: [[2200, 2205]], lengths: [16, 19] },
  {
    issuer: 'UATP: its published test number, and AirPlus',
    prefixes: [
      [1354, 1354],
      [1220, 1220],
    ],
    lengths: [15, 15],
  },
  { issuer: 'Uzcard', prefixes: [[8600, 8600]], lengths: [16, 16] },
  { issuer: 'ArCa', prefixes: [[9051, 9051]], lengths: [16, 16] },
  { issuer: 'Belkart', prefixes: [[9112, 9112]], lengths: [16, 16] },
  { issuer: 'domestic cards of Korea', prefixes: [[9400, 9499]], lengths: [16, 16] },
  { issuer: 'Napas', prefixes: [[9704, 9704]], lengths: [16, 19] },
  { issuer: 'Troy', prefixes: [[9792, 9792]], lengths: [16, 16] },
  { issuer: 'Humo', prefixes: [[9860, 9860]], lengths: [16, 16] },
];

/** Indexed by the first four digits: bit n is set if there are cards of n digits. */
const LENGTHS: Uint32Array = lengthsByPrefix();

/**
 * Visa, Mastercard, American Express, Discover, UnionPay, JCB: nearly all cards of 15 and 16
 * digits.
 */
const WORLDWIDE: Range['prefixes'] = [
  [4000, 4999],
  [5100, 5599],
  [2221, 2720],
  [3400, 3499],
  [3700, 3799],
  [6011, 6011],
  [6440, 6599],
  [6200, 6299],
  [3528, 3589],
];

function lengthsByPrefix(): Uint32Array {
  const table = new Uint32Array(10 ** PREFIX_DIGITS);
  for (const { prefixes, lengths } of RANGES) {
    let bits = 0;
    for (let length = lengths[0]; length <= lengths[1]; length++) bits |= 1 << length;
    for (const [first, last] of prefixes) for (let prefix = first; prefix <= last; prefix++) table[prefix]! |= bits;
  }
  return table;
}

/**
 * Whether `length` digits (0 to 9) from `start` on are in an issuer's range and pass Luhn's check
 * (ISO/IEC 7812-1, annex B).
 */
export function isCardNumber(digits: ArrayLike<number>, start: number, length: number): boolean {
  return (LENGTHS[prefixAt(digits, start)]! & (1 << length)) !== 0 && passesLuhn(digits, start, length);
}

/** Whether a card number at `start` belongs to a scheme that is accepted worldwide. */
export function isWorldwide(digits: ArrayLike<number>, start: number): boolean {
  const prefix = prefixAt(digits, start);
  return WORLDWIDE.some(([first, last]) => prefix >= first && prefix <= last);
}

const prefixAt = (digits: ArrayLike<number>, start: number): number =>
  digits[start]! * 1000 + digits[start + 1]! * 100 + digits[start + 2]! * 10 + digits[start + 3]!;

function passesLuhn(digits: ArrayLike<number>, start: number, length: number): boolean {
  let sum = 0;
  for (let at = start + length - 1, doubled = false; at >= start; at--, doubled = !doubled) {
    const digit = digits[at]!;
    sum += doubled ? (digit > 4 ? 2 * digit - 9 : 2 * digit) : digit;
  }
  return sum % 10 === 0;
}

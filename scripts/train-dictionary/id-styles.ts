/** Numbering and naming styles of merchants, for articles, customers and stores. */
import { pick } from '../simulate/random.ts';
import { CATEGORIES, WORDS } from './market-profiles.ts';

export type Random = () => number;
export type Numbering = (random: Random, n: number) => string;

const digits = (random: Random, count: number): string =>
  Array.from({ length: count }, () => Math.floor(random() * 10)).join('');
export const upTo = (random: Random, max: number): number => Math.floor(random() * max);
const hex = (random: Random, count: number): string =>
  Array.from({ length: count }, () => upTo(random, 16).toString(16)).join('');
export const letters = (random: Random, count: number): string =>
  Array.from({ length: count }, () => String.fromCharCode(65 + upTo(random, 26))).join('');

/** Article numbering styles; `prefix` is the merchant's own. */
export const SKUS: readonly [(prefix: string) => Numbering, number][] = [
  [() => (random) => `${pick(random, ['40', '50', '54', '76', '87', '89', '49', '69'])}${digits(random, 11)}`, 6],
  [() => (random) => digits(random, 5), 4],
  [() => (random) => digits(random, 6), 3],
  [() => (random) => `SKU-${upTo(random, 5_000)}`, 3],
  [() => (random) => `SKU${digits(random, 6)}`, 2],
  [() => (random) => `${pick(random, WORDS)}-${pick(random, WORDS)}`, 4],
  [() => (random) => pick(random, WORDS), 4],
  [(prefix) => (random) => `${prefix}${upTo(random, 1_000)}`, 4],
  [(prefix) => (random) => `${prefix}-${digits(random, 4)}`, 4],
  [() => (random) => `${letters(random, 1)}${1 + upTo(random, 9)}`, 2],
  [() => (random) => `PLU-${4_000 + upTo(random, 1_000)}`, 1],
  [() => (random) => `ITEM-${digits(random, 5)}`, 1],
];

export const REFS: readonly [(prefix: string) => Numbering, number][] = [
  [() => (_, n) => `R-${n}`, 5],
  [() => (_, n) => `${n}`, 4],
  [(prefix) => (_, n) => `${prefix}-${n}`, 4],
  [(prefix) => (_, n) => `${prefix}${String(n).padStart(8, '0')}`, 3],
  [() => (_, n) => `INV-${String(n).padStart(6, '0')}`, 3],
  [
    () => (random, n) =>
      `2026-${String(1 + upTo(random, 12)).padStart(2, '0')}-${digits(random, 2)}-${String(n % 10_000).padStart(4, '0')}`,
    3,
  ],
  [() => (random) => `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`, 3],
  [() => (_, n) => `T1-${n}`, 1],
  [() => (_, n) => `ORD-${n}`, 1],
];

/** A dimension besides the method: its key, and the values of one merchant. */
export const DIMENSIONS: readonly [(random: Random) => [string, (random: Random) => string], number][] = [
  [() => ['cashier', (random) => `c${upTo(random, 6)}`], 6],
  [() => ['cashier', (random) => pick(random, ['anna', 'ben', 'maria', 'ravi', 'li', 'sam', 'fatima', 'joao'])], 3],
  [() => ['cashier', (random) => digits(random, 4)], 2],
  [() => ['customer', (random) => `u${upTo(random, 4_000)}`], 4],
  [() => ['customer', (random) => digits(random, 5)], 3],
  [() => ['customer', (random) => digits(random, 8)], 2],
  [
    (own) => [
      'category',
      (
        (values) => (random) =>
          pick(random, values)
      )(pick(own, CATEGORIES)),
    ],
    5,
  ],
  [() => ['channel', (random) => pick(random, ['pos', 'kiosk', 'online', 'takeaway', 'delivery'])], 3],
  [() => ['table', (random) => `${1 + upTo(random, 30)}`], 2],
  [() => ['register', (random) => `${1 + upTo(random, 5)}`], 2],
  [() => ['shift', (random) => pick(random, ['morning', 'evening', 'night', 'A', 'B'])], 1],
  [() => ['staff', (random) => `${100 + upTo(random, 30)}`], 1],
  [() => ['member', (random) => pick(random, ['yes', 'no', 'gold', 'silver'])], 1],
  [() => ['discount', (random) => pick(random, ['none', 'staff', 'coupon', 'sale'])], 1],
];

export const ATTRS: readonly [((random: Random) => unknown) | null, number][] = [
  [null, 14],
  [(random) => ({ receipt: upTo(random, 100_000) }), 2],
  [(random) => ({ vat: upTo(random, 900), vat_rate: pick(random, [5, 7, 10, 18, 19, 20]) }), 2],
  [(random) => ({ tax: upTo(random, 900), tip: upTo(random, 5) * 100 }), 2],
  [(random) => ({ covers: 1 + upTo(random, 6), table: `${1 + upTo(random, 30)}` }), 1],
  [(random) => ({ loyalty: { id: digits(random, 8), points: upTo(random, 300) } }), 1],
  [(random) => ({ discount: upTo(random, 500), coupon: letters(random, 6) }), 1],
  [(random) => ({ terminal_id: digits(random, 8), auth_code: digits(random, 6) }), 1],
  [() => ({ note: 'no onions' }), 1],
];

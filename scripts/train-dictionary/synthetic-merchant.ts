/**
 * Synthetic merchants: each has its own trade, currency, clock, numbering and keys, and posts
 * baskets in these.
 */

import type { TillEvent, TillItem } from '../clients/till-event.ts';
import { pick, weighted } from '../simulate/random.ts';
import { ATTRS, DIMENSIONS, letters, type Numbering, type Random, REFS, SKUS, upTo } from './id-styles.ts';
import { MARKETS, type Market, METHODS, OTHER_TYPES, STORES } from './market-profiles.ts';

const LINES = [
  [1, 40],
  [2, 28],
  [3, 14],
  [4, 8],
  [6, 6],
  [12, 3],
  [25, 1],
] as const;

/** Price endings, in minor units. */
const PRICE_ENDS: readonly (readonly number[])[] = [
  [99, 49, 95],
  [0, 50],
  [0, 20, 50, 80],
  [5, 15, 25, 45, 85, 95],
];

/** @param random seeds the merchant's attributes, and then its trade */
export class Merchant {
  readonly #random: Random;
  readonly #market: Market;
  readonly #offset: number;
  readonly #wholeSeconds: boolean;
  readonly #ref: Numbering;
  readonly #articles: readonly { readonly sku: string; readonly price: number }[];
  readonly #weighs: boolean;
  readonly #methods: readonly string[];
  readonly #dimensions: readonly (readonly [string, (random: Random) => string])[];
  readonly #attrs: ((random: Random) => unknown) | null;
  readonly #store: string | null;
  #count: number;

  constructor(random: Random) {
    this.#random = random;
    const prefix = letters(random, 1 + upTo(random, 3));
    this.#market = weighted(random, MARKETS);
    this.#offset = pick(random, this.#market.offsets);
    this.#wholeSeconds = random() < 0.4;
    this.#ref = weighted(random, REFS)(prefix);
    const sku = weighted(random, SKUS)(prefix);
    const ends = pick(random, PRICE_ENDS);
    const dear = 10 ** (2 + 2 * random());
    this.#articles = Array.from({ length: 20 + upTo(random, 600) }, (_, n) => ({
      sku: sku(random, n),
      price: Math.floor((dear * random() ** 2) / 100) * 100 + pick(random, ends),
    }));
    this.#weighs = random() < 0.2;
    this.#methods = pick(random, METHODS);
    this.#dimensions = Array.from({ length: upTo(random, 4) }, () => weighted(random, DIMENSIONS)(random));
    this.#attrs = weighted(random, ATTRS);
    this.#store = random() < 0.5 ? pick(random, STORES) : null;
    this.#count = 1 + upTo(random, 10 ** (1 + upTo(random, 6)));
  }

  /** @param at milliseconds since 1970 */
  next(at: number): TillEvent {
    const random = this.#random;
    const type = weighted<string>(random, [
      ['sale', 90],
      ['refund', 4],
      [pick(random, OTHER_TYPES), 4],
    ]);
    const items = Array.from({ length: type === 'sale' ? weighted(random, LINES) : 1 }, () => this.#line());
    const base = { type, ts: this.#time(at), ref: this.#ref(random, this.#count++), dims: this.#dims() };
    if (type !== 'sale' && type !== 'refund') return base;
    return {
      ...base,
      amount: Math.round(items.reduce((sum, { qty, price }) => sum + qty * price, 0)),
      currency: this.#market.currency,
      items,
      ...(this.#attrs !== null && { attrs: this.#attrs(random) }),
    };
  }

  #line(): TillItem {
    // A few articles make up most of the trade.
    const article = this.#articles[Math.floor(this.#random() ** 2 * this.#articles.length)]!;
    const weighed = this.#weighs && this.#random() < 0.4;
    const qty = weighed
      ? upTo(this.#random, 2_000) / 1_000 + 0.05
      : weighted(this.#random, [
          [1, 78],
          [2, 14],
          [3, 4],
          [6, 2],
          [12, 2],
        ]);
    return { ...article, qty: Math.round(qty * 1_000) / 1_000 };
  }

  #dims(): Record<string, string> {
    const dims: Record<string, string> = { method: pick(this.#random, this.#methods) };
    for (const [key, value] of this.#dimensions) dims[key] = value(this.#random);
    if (this.#store !== null) dims.store = this.#store;
    return dims;
  }

  #time(at: number): string {
    const ms = this.#wholeSeconds ? Math.floor(at / 1_000) * 1_000 : Math.floor(at);
    const local = new Date(ms + this.#offset * 60_000).toISOString().slice(0, -1);
    const size = new Date(Math.abs(this.#offset) * 60_000).toISOString().slice(11, 16);
    return `${local}${this.#offset < 0 ? '-' : '+'}${size}`;
  }
}

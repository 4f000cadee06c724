/** The articles that sold most: sums by article, and the best of them. */
import type { Cooperative } from '../../../shared/cooperative.ts';
import { compareExact } from '../../aggregation/exact-sum.ts';
import { emptyItemMeasures, type ItemMeasures, mergeItemMeasures } from '../../aggregation/measures.ts';
import { badParameter } from '../query/problem.ts';

/** Articles compared between two looks at the clock. */
const ARTICLES_PER_YIELD = 1_000;

export interface Ranked extends ItemMeasures {
  readonly sku: string;
}

export class ArticleSums {
  readonly #currencies = new Map<string | null, Map<string, ItemMeasures>>();
  readonly #maxArticles: number;
  #articles = 0;

  constructor(maxArticles: number) {
    this.#maxArticles = maxArticles;
  }

  /** @throws Problem 400 beyond the bound on articles */
  add(currency: string | null, sku: string, measures: ItemMeasures): void {
    let skus = this.#currencies.get(currency);
    if (skus === undefined) {
      skus = new Map();
      this.#currencies.set(currency, skus);
    }
    let sum = skus.get(sku);
    if (sum === undefined) {
      if (++this.#articles > this.#maxArticles)
        throw badParameter(
          'from',
          `to \`to\` has sales of more than ${this.#maxArticles} articles: ask for a shorter range`,
        );
      sum = emptyItemMeasures();
      skus.set(sku, sum);
    }
    mergeItemMeasures(sum, measures);
  }

  /** The first `limit` of each currency; of two that sold alike, the lower name. */
  *best(by: 'amount' | 'quantity', limit: number): Cooperative<{ currency: string | null; items: Ranked[] }[]> {
    const found: { currency: string | null; items: Ranked[] }[] = [];
    const order = (a: Ranked, b: Ranked): number => compareExact(b[by], a[by]) || (a.sku < b.sku ? -1 : 1);
    for (const [currency, skus] of [...this.#currencies].sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1)))
      found.push({ currency, items: yield* first(skus, limit, order) });
    return found;
  }
}

/** Keeps at most twice as many as are wanted, and sorts when there are so many. */
function* first(
  skus: ReadonlyMap<string, ItemMeasures>,
  limit: number,
  order: (a: Ranked, b: Ranked) => number,
): Cooperative<Ranked[]> {
  let kept: Ranked[] = [];
  /** The last that can be among the first, once so many are known. */
  let last: Ranked | null = null;
  let passed = 0;
  for (const [sku, measures] of skus) {
    if (++passed % ARTICLES_PER_YIELD === 0) yield;
    const ranked = { sku, ...measures };
    if (last !== null && order(last, ranked) < 0) continue;
    kept.push(ranked);
    if (kept.length < 2 * limit) continue;
    kept = kept.sort(order).slice(0, limit);
    last = kept.at(-1)!;
  }
  return kept.sort(order).slice(0, limit);
}

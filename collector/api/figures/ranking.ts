/** The articles that sold most: sums by article, and the best of them. */
import type { Cooperative } from '../../../shared/cooperative.ts';
import type { Range } from '../../../shared/time.ts';
import type { Visit } from '../../aggregation/cell-entries.ts';
import { OTHER } from '../../aggregation/cube.ts';
import type { FoldedValues } from '../../aggregation/folded-values.ts';
import { compareExact } from '../../aggregation/logic/exact-sum.ts';
import { emptyItemMeasures, type ItemMeasures, mergeItemMeasures } from '../../aggregation/measures.ts';
import { badParameter } from '../query/problem.ts';
import { FoldedCount, hourOfSlot, shareOf, type Truncated } from './truncation.ts';

/** Articles compared between two looks at the clock. */
const ARTICLES_PER_YIELD = 1_000;

export interface Ranked extends ItemMeasures {
  readonly sku: string;
}

export interface FoldedArticles extends Truncated, ItemMeasures {
  readonly currency: string | null;
}

export class ArticleSums {
  readonly #currencies = new Map<string | null, Map<string, ItemMeasures>>();
  readonly #maxArticles: number;
  /** What bounds folded, by currency. */
  readonly #folded = new Map<string | null, ItemMeasures>();
  readonly #count: FoldedCount;
  #articles = 0;

  constructor(maxArticles: number, range: Range) {
    this.#maxArticles = maxArticles;
    this.#count = new FoldedCount('sku', range);
  }

  /** What to call for each entry of a cell, of those in the range. */
  visitor(folded: FoldedValues): Visit<ItemMeasures> {
    this.#count.add(folded);
    const hours = new Set([...folded].map(({ hour }) => hour));
    return ([currency = null, sku], slot, measures) => {
      if (sku !== OTHER || !hours.has(hourOfSlot(slot))) this.add(currency, sku!, measures);
      else {
        const sum = this.#folded.get(currency) ?? emptyItemMeasures();
        mergeItemMeasures(sum, measures);
        this.#folded.set(currency, sum);
      }
    };
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

  /** What counts under `(other)`, in no ranking, by currency. */
  *truncated(): Cooperative<FoldedArticles[]> {
    const found: FoldedArticles[] = [];
    for (const [currency, folded] of [...this.#folded].sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))) {
      const part = Math.abs(Number(folded.amount));
      let all = part;
      for (const { amount } of this.#currencies.get(currency)?.values() ?? []) all += Math.abs(Number(amount));
      yield;
      found.push({ dimension: 'sku', values: this.#count.most, share: shareOf(part, all), currency, ...folded });
    }
    return found;
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

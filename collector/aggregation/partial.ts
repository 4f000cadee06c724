/**
 * A partial aggregate ("part" in keys and formats): one terminal's figures for one hour (or,
 * merged, one day), with a tally that proves their completeness.
 */
import type { Cooperative } from '../../shared/cooperative.ts';
import { Cube, GROUP_BYTES, type Measuring } from './cube.ts';
import { addDigest, type Digest, NO_DIGEST } from './hashes/row-set-digest.ts';
import { ARTICLES_BOUND, keepLargest } from './keep-largest.ts';
import { AGGREGATION_LIMITS } from './limits.ts';
import { type Logic, partialKeys } from './logic/logic-version.ts';
import {
  emptyItemMeasures,
  emptyMeasures,
  type ItemMeasures,
  type Measures,
  mergeItemMeasures,
  mergeMeasures,
  sketchBytes,
} from './measures.ts';

export interface Tally {
  /** Raw rows folded, of events and of losses. */
  rows: number;
  /** Digest of the keys of those rows. */
  digest: Digest;
  /** Arrival of the oldest of those rows, milliseconds since 1970; null without rows. */
  earliestArrival: number | null;
  /** Events counted. */
  events: number;
  /** Seqs claimed by two rows with different content. */
  conflicts: number;
  /** Seqs that the agent lost and that are not stored. */
  lost: number;
}

export const emptyTally = (): Tally => ({
  rows: 0,
  digest: NO_DIGEST,
  earliestArrival: null,
  events: 0,
  conflicts: 0,
  lost: 0,
});

export function mergeTally(into: Tally, from: Tally): void {
  into.rows += from.rows;
  into.digest = addDigest(into.digest, from.digest);
  into.events += from.events;
  into.conflicts += from.conflicts;
  into.lost += from.lost;
  into.earliestArrival = earlier(into.earliestArrival, from.earliestArrival);
}

export const earlier = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

export interface PartialAggregate {
  readonly figures: Cube<Measures>;
  readonly articles: Cube<ItemMeasures>;
  readonly tally: Tally;
}

const ARTICLE_KEYS: readonly string[] = ['currency', 'sku'];

export const isTrade = (type: string | null): boolean => type === 'sale' || type === 'refund';

/** By the turnover of sales and refunds, and by the number of events. */
const FIGURES: Measuring<Measures> = {
  none: emptyMeasures,
  merge: mergeMeasures,
  bytes: sketchBytes,
  packedBytes: 40,
  isKept: (key, value) => key === 'currency' || (key === 'type' && isTrade(value)),
  weightOf: ([type = null], { amount, count }) => ({ amount: isTrade(type) ? amount : 0, number: count }),
};

/** By the amount and the number of pieces, sales less refunds. */
const ARTICLES: Measuring<ItemMeasures> = {
  none: emptyItemMeasures,
  merge: mergeItemMeasures,
  bytes: () => 0,
  packedBytes: 30,
  isKept: (key) => key === 'currency',
  weightOf: (_key, { amount, quantity }) => ({ amount, number: quantity }),
};

/** @param maxEntries bound on the number of groups times slots; none: whoever fills it bounds it */
export const figuresCube = (keys: readonly string[], maxEntries?: number): Cube<Measures> =>
  new Cube(keys, FIGURES, maxEntries);
export const articlesCube = (maxEntries?: number): Cube<ItemMeasures> => new Cube(ARTICLE_KEYS, ARTICLES, maxEntries);

export const emptyPartial = (logic: Logic): PartialAggregate => ({
  figures: figuresCube(partialKeys(logic)),
  articles: articlesCube(),
  tally: emptyTally(),
});

/** To be filled from events: bounded. */
export const partialToFill = (logic: Logic): PartialAggregate => ({
  figures: figuresCube(partialKeys(logic), AGGREGATION_LIMITS.partEntries.value),
  articles: articlesCube(AGGREGATION_LIMITS.partArticleEntries.value),
  tally: emptyTally(),
});

const PART_BOUND = { groups: AGGREGATION_LIMITS.partGroups.value, bytes: AGGREGATION_LIMITS.cubeBytes.value };

/** What of an hour's partial aggregate is published: the values that sold most. */
export function* largestOf({ figures, articles, tally }: PartialAggregate): Cooperative<PartialAggregate> {
  return {
    figures: yield* keepLargest(figures, PART_BOUND),
    articles: yield* keepLargest(articles, ARTICLES_BOUND),
    tally,
  };
}

/** Bytes of memory, about. */
export const partialBytes = ({ figures, articles }: PartialAggregate): number => figures.bytes + articles.bytes;

/** Bytes of memory that `largestOf` takes beside what it was made of. */
export const copiedBytes = (all: PartialAggregate, largest: PartialAggregate): number =>
  GROUP_BYTES *
  ((largest.figures === all.figures ? 0 : largest.figures.size) +
    (largest.articles === all.articles ? 0 : largest.articles.size));

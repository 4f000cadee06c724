/**
 * A partial aggregate ("part" in keys and formats): one terminal's figures for one hour (or,
 * merged, one day), with a tally that proves their completeness.
 */
import type { Cooperative } from '../../shared/cooperative.ts';
import { Cube, type GroupKey, mergeCube, OTHER } from './cube.ts';
import { type Logic, MAX_ARTICLES, MAX_PARTIAL_GROUPS, partialKeys } from './logic-version.ts';
import {
  emptyItemMeasures,
  emptyMeasures,
  type ItemMeasures,
  type Measures,
  mergeItemMeasures,
  mergeMeasures,
} from './measures.ts';
import { addDigest, type Digest, NO_DIGEST } from './row-set-digest.ts';

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

/**
 * Sales, refunds and currencies stay separate beyond the bound too, because they are never added.
 */
const otherFigures = ([type, currency = null, ...dimensions]: GroupKey): GroupKey => [
  type === 'sale' || type === 'refund' ? type : OTHER,
  currency,
  ...dimensions.map(() => OTHER),
];
const otherArticle = ([currency = null]: GroupKey): GroupKey => [currency, OTHER];

export const figuresCube = (keys: readonly string[], maxGroups: number): Cube<Measures> =>
  new Cube(keys, maxGroups, otherFigures);
export const articlesCube = (): Cube<ItemMeasures> => new Cube(ARTICLE_KEYS, MAX_ARTICLES, otherArticle);

export const emptyPartial = (logic: Logic): PartialAggregate => ({
  figures: figuresCube(partialKeys(logic), MAX_PARTIAL_GROUPS),
  articles: articlesCube(),
  tally: emptyTally(),
});

export const mergeFigures = (into: Cube<Measures>, from: Cube<Measures>): Cooperative<void> =>
  mergeCube(into, from, emptyMeasures, mergeMeasures);
export const mergeArticles = (into: Cube<ItemMeasures>, from: Cube<ItemMeasures>): Cooperative<void> =>
  mergeCube(into, from, emptyItemMeasures, mergeItemMeasures);

export function* mergePartial(into: PartialAggregate, from: PartialAggregate): Cooperative<void> {
  yield* mergeFigures(into.figures, from.figures);
  into.figures.overflow += from.figures.overflow;
  yield* mergeArticles(into.articles, from.articles);
  into.articles.overflow += from.articles.overflow;
  mergeTally(into.tally, from.tally);
}

/** Bytes of memory, about. */
export const partialBytes = ({ figures, articles }: PartialAggregate): number => figures.bytes + articles.bytes;

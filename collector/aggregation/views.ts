/**
 * Views: the figures of all terminals of an hour or day, merged in total and per dimension, and
 * their articles. They answer queries with at most one dimension; all other queries read the
 * partial aggregates.
 */
import type { Cooperative } from '../../shared/cooperative.ts';
import { encodeArticles, encodeView } from './codec.ts';
import type { Cube } from './cube.ts';
import { type Logic, MAX_VIEW_GROUPS } from './logic-version.ts';
import type { Measures } from './measures.ts';
import { articlesCube, figuresCube, mergeArticles, mergeFigures, type PartialAggregate } from './partial.ts';

/** Name of the view that holds the articles. */
export const ARTICLES_VIEW = 'articles';

/** The views that hold figures. */
export const viewNames = (logic: Logic): string[] => ['total', 'store', ...logic.dimensions];

/** Keys of a view's cube. */
export const viewKeys = (view: string): string[] =>
  view === 'total' ? ['type', 'currency'] : ['type', 'currency', view];

export class Views {
  readonly #figures: ReadonlyMap<string, Cube<Measures>>;
  readonly #articles = articlesCube();

  constructor(logic: Logic) {
    this.#figures = new Map(viewNames(logic).map((name) => [name, figuresCube(viewKeys(name), MAX_VIEW_GROUPS)]));
  }

  /**
   * Adds a partial aggregate. They are added in order of terminal, so that equal inputs give equal
   * views.
   */
  *add(part: PartialAggregate): Cooperative<void> {
    for (const cube of this.#figures.values()) yield* mergeFigures(cube, part.figures);
    yield* mergeArticles(this.#articles, part.articles);
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    return [...this.#figures.values()].reduce((sum, { bytes }) => sum + bytes, this.#articles.bytes);
  }

  /**
   * How often a group was counted under `(other)` here, in addition to those counted so in a
   * partial aggregate already.
   */
  get overflow(): number {
    return [...this.#figures.values()].reduce((sum, { overflow }) => sum + overflow, this.#articles.overflow);
  }

  /**
   * The encoded views by name.
   *
   * @param base first slot of the row's hour or day, since 1970
   */
  *encode(base: number): Cooperative<Map<string, Uint8Array>> {
    const views = new Map<string, Uint8Array>();
    for (const [name, cube] of this.#figures) views.set(name, yield* encodeView(cube, base));
    return views.set(ARTICLES_VIEW, yield* encodeArticles(this.#articles, base));
  }
}

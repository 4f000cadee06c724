/**
 * Views: the figures of all terminals of an hour or day, merged in total and per dimension, and
 * their articles. They answer queries with at most one dimension; all other queries read the
 * partial aggregates.
 *
 * An hour's views are made of its partial aggregates, and hold the values that sold most. A day's
 * are its hours' side by side: nothing more is folded, so a day says what its hours say.
 */
import type { Cooperative } from '../../../shared/cooperative.ts';
import { readArticles, readFigures } from '../cell-entries.ts';
import { encodeArticles, encodeView } from '../codec.ts';
import { type Cube, mergeCube } from '../cube.ts';
import type { FoldedValues } from '../folded-values.ts';
import { ARTICLES_BOUND, type Bound, fitTogether, keepLargest, VIEW_BOUND } from '../keep-largest.ts';
import { AGGREGATION_LIMITS } from '../limits.ts';
import type { Logic } from '../logic/logic-version.ts';
import type { ItemMeasures, Measures } from '../measures.ts';
import { articlesCube, figuresCube, type PartialAggregate } from '../partial.ts';

/** Name of the view that holds the articles. */
export const ARTICLES_VIEW = 'articles';

/** The views that hold figures. */
export const viewNames = (logic: Logic): string[] => ['total', 'store', ...logic.dimensions];

/** Keys of a view's cube. */
export const viewKeys = (view: string): string[] =>
  view === 'total' ? ['type', 'currency'] : ['type', 'currency', view];

const VIEW_ENTRIES = AGGREGATION_LIMITS.viewEntries.value;

/** An hour's views, while they are made. */
export class Views {
  readonly #figures: ReadonlyMap<string, Cube<Measures>>;
  readonly #articles = articlesCube(VIEW_ENTRIES);

  constructor(logic: Logic) {
    this.#figures = new Map(viewNames(logic).map((name) => [name, figuresCube(viewKeys(name), VIEW_ENTRIES)]));
  }

  /**
   * Adds a partial aggregate. They are added in order of terminal, so that equal inputs give equal
   * views.
   */
  *add(part: PartialAggregate): Cooperative<void> {
    for (const cube of this.#figures.values()) yield* addTerminal(cube, part.figures);
    yield* addTerminal(this.#articles, part.articles);
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    return [...this.#figures.values()].reduce((sum, { bytes }) => sum + bytes, this.#articles.bytes);
  }

  /**
   * The encoded views by name.
   *
   * @param base first slot of the row's hour, since 1970
   */
  *encode(base: number): Cooperative<EncodedViews> {
    const encoded = new EncodedViews();
    for (const [name, cube] of this.#figures) {
      const largest = yield* keepLargest(cube, VIEW_BOUND);
      encoded.add(name, yield* encodeView(largest, base), largest.folded);
    }
    const articles = yield* keepLargest(this.#articles, ARTICLES_BOUND);
    encoded.add(ARTICLES_VIEW, yield* encodeArticles(articles, base), articles.folded);
    return encoded;
  }
}

/** A row's views as they are stored. */
export class EncodedViews {
  readonly cells = new Map<string, Uint8Array>();
  /** Views that would take more than a cell may. */
  readonly omitted: string[] = [];
  /** How many values count under `(other)`, each view's and hour's counted for itself. */
  overflow = 0;

  add(name: string, cell: Uint8Array, folded: FoldedValues): void {
    this.overflow += folded.total;
    if (cell.length > AGGREGATION_LIMITS.cellBytes.value) this.omitted.push(name);
    else this.cells.set(name, cell);
  }
}

/**
 * A day's views, while its hours are added. What exceeds `mergeBytes` is left out, the largest
 * first.
 */
export class DayViews {
  readonly #figures: Map<string, Cube<Measures>>;
  #articles: Cube<ItemMeasures> | null = articlesCube();
  readonly #omitted = new Set<string>();

  constructor(logic: Logic) {
    this.#figures = new Map(viewNames(logic).map((name) => [name, figuresCube(viewKeys(name))]));
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    return [...this.#figures.values()].reduce((sum, { bytes }) => sum + bytes, this.#articles?.bytes ?? 0);
  }

  /**
   * Adds a view of an hour.
   *
   * @param content of its cell, unpacked
   * @param base first slot of the hour, since 1970
   */
  *add(name: string, content: Uint8Array, base: number): Cooperative<void> {
    const figures = this.#figures.get(name);
    if (figures !== undefined) yield* readFigures(content, 'view', base, figures);
    else if (name === ARTICLES_VIEW && this.#articles !== null) yield* readArticles(content, base, this.#articles);
    while (this.bytes > AGGREGATION_LIMITS.mergeBytes.value) this.omit(this.#largest());
  }

  /** Leaves a view out: an hour has none, or it is too large. */
  omit(name: string): void {
    this.#omitted.add(name);
    this.#figures.delete(name);
    if (name === ARTICLES_VIEW) this.#articles = null;
  }

  /** @param base first slot of the day, since 1970 */
  *encode(base: number): Cooperative<EncodedViews> {
    const encoded = new EncodedViews();
    encoded.omitted.push(...this.#omitted);
    for (const [name, cube] of this.#figures) encoded.add(name, yield* encodeView(cube, base), cube.folded);
    const articles = this.#articles;
    if (articles !== null) encoded.add(ARTICLES_VIEW, yield* encodeArticles(articles, base), articles.folded);
    return encoded;
  }

  #largest(): string {
    let [name, most] = [ARTICLES_VIEW, this.#articles?.bytes ?? 0];
    for (const [other, { bytes }] of this.#figures) if (bytes > most) [name, most] = [other, bytes];
    return name;
  }
}

/** A view of an hour that has no row, of its parts, merged or not, if they say the same. */
export const viewOf = (name: string, parts: readonly Cube<Measures>[]): Cooperative<readonly Cube<Measures>[]> =>
  merged(parts, figuresCube(viewKeys(name), VIEW_ENTRIES), VIEW_BOUND);

/** The same of the articles. */
export const articlesOf = (parts: readonly Cube<ItemMeasures>[]): Cooperative<readonly Cube<ItemMeasures>[]> =>
  merged(parts, articlesCube(VIEW_ENTRIES), ARTICLES_BOUND);

function* merged<M>(parts: readonly Cube<M>[], into: Cube<M>, bound: Bound): Cooperative<readonly Cube<M>[]> {
  if (yield* fitTogether(parts, into.keys, bound)) return parts;
  for (const part of parts) yield* addTerminal(into, part);
  return [yield* keepLargest(into, bound)];
}

/** Adds what a terminal publishes, or several do. */
export function* addTerminal<M>(into: Cube<M>, part: Cube<M>): Cooperative<void> {
  // What one terminal folded, another may have kept.
  const isPartial = into.size > 0 && part.size > 0;
  yield* mergeCube(into, part);
  for (const folded of part.folded) if (into.keys.includes(folded.dimension)) into.folded.add(folded);
  if (isPartial) into.folded.setPartial();
}

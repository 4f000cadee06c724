/**
 * Reads the figures of a time range: from day rows where the day is rolled up, else from hour rows,
 * else from the raw log.
 *
 * A closed hour with a rollup is served from that rollup even while a due mark for it is pending,
 * so figures never dip at the top of an hour. An hour without a rollup (open, or closed a moment
 * ago) is folded from the raw log. Figures do not dip either when a rollup row takes over, because
 * a row is complete from its first publication on (`collector/rollup/recompute.ts`).
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MerchantId } from '../../../shared/ids.ts';
import { dayOfHour, hourOf, type Range, SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../../shared/time.ts';
import { decodeArticles, decodePartialFigures, decodeView, type SketchSelection } from '../../aggregation/codec.ts';
import type { Cube } from '../../aggregation/cube.ts';
import type { Logic } from '../../aggregation/logic-version.ts';
import type { ItemMeasures, Measures } from '../../aggregation/measures.ts';
import { ARTICLES_VIEW } from '../../aggregation/views.ts';
import type { EventLog } from '../../store/event-log.ts';
import { type Cells, isWhole, type Rollup, type Rollups } from '../../store/rollups.ts';
import type { LiveHours, LivePartial } from './live-hours.ts';

export interface FiguresStores {
  readonly log: EventLog;
  readonly rollups: Rollups;
  readonly live: LiveHours;
  readonly logic: Logic;
}

/** Which cells answer a query: one view of all terminals, each terminal's part, or the articles. */
export type Source = FiguresSource | { readonly kind: 'articles' };
export type FiguresSource = { readonly kind: 'view'; readonly name: string } | { readonly kind: 'parts' };

/** A cube with its terminal; null: all terminals. */
export interface TerminalFigures {
  readonly terminal: string | null;
  readonly figures: Cube<Measures>;
}

/** A rollup row of one day or hour, or the live partial aggregates of an hour without one. */
type Section =
  | { readonly kind: 'rollup'; readonly row: Rollup }
  | { readonly kind: 'live'; readonly partials: readonly LivePartial[] };

const SLOTS = { hour: SLOTS_PER_HOUR, day: SLOTS_PER_DAY } as const;

/**
 * Reads one merchant's figures as of one moment. Use each cube before the next one is requested;
 * other work gets its turn between two of them.
 */
export class FiguresReader {
  readonly #stores: FiguresStores;
  readonly #merchant: MerchantId;
  readonly #now: number;

  /** @param now milliseconds since 1970 */
  constructor(stores: FiguresStores, merchant: MerchantId, now: number) {
    this.#stores = stores;
    this.#merchant = merchant;
    this.#now = now;
  }

  async *figures(range: Range, source: FiguresSource, wanted: SketchSelection): AsyncIterable<TerminalFigures> {
    for await (const section of this.#days(range, source)) {
      for (const figures of figuresOf(section, wanted)) {
        yield figures;
        await nextTurn();
      }
    }
  }

  async *articles(range: Range): AsyncIterable<Cube<ItemMeasures>> {
    for await (const section of this.#days(range, { kind: 'articles' })) {
      for (const cube of articlesOf(section)) {
        yield cube;
        await nextTurn();
      }
    }
  }

  async *#days(range: Range, source: Source): AsyncIterable<Section> {
    let hour = hourOf(range.from);
    const end = hourOf(range.to - 1) + 1;
    for await (const row of this.#rows('day', dayOfHour(hour), dayOfHour(end - 1) + 1, source)) {
      if (!isWhole(row, this.#now)) continue;
      yield* this.#hours(hour, row.time * 24, source);
      yield { kind: 'rollup', row };
      hour = (row.time + 1) * 24;
    }
    yield* this.#hours(hour, end, source);
  }

  async *#hours(from: number, to: number, source: Source): AsyncIterable<Section> {
    let hour = from;
    for await (const row of this.#rows('hour', from, to, source)) {
      // The row of an event stamped ahead of time: once its hour has begun, the raw log is newer.
      if (row.time <= hourOf(this.#now) && !isWhole(row, this.#now)) continue;
      yield* this.#live(hour, row.time);
      yield { kind: 'rollup', row };
      hour = row.time + 1;
    }
    yield* this.#live(hour, to);
  }

  async *#live(from: number, to: number): AsyncIterable<Section> {
    const { log, live } = this.#stores;
    for await (const hour of log.hours(this.#merchant, from, to))
      yield { kind: 'live', partials: await live.partials(this.#merchant, hour) };
  }

  #rows(level: Rollup['level'], from: number, to: number, source: Source): AsyncIterable<Rollup> {
    const { rollups, logic } = this.#stores;
    return rollups.scan(this.#merchant, level, logic.version, from, to, cellsOf(source));
  }
}

function cellsOf(source: Source): Cells {
  switch (source.kind) {
    case 'view':
    case 'parts':
      return source;
    case 'articles':
      return { kind: 'view', name: ARTICLES_VIEW };
  }
}

/** A row has only the cells that were read: one view, or all parts. */
function* figuresOf(section: Section, wanted: SketchSelection): Iterable<TerminalFigures> {
  if (section.kind === 'live') {
    for (const { terminal, partial } of section.partials) yield { terminal, figures: partial.figures };
    return;
  }
  const { views, parts, time, level } = section.row;
  const base = time * SLOTS[level];
  for (const bytes of views.values()) yield { terminal: null, figures: decodeView(bytes, base, wanted) };
  for (const [terminal, bytes] of parts) yield { terminal, figures: decodePartialFigures(bytes, base, wanted) };
}

function* articlesOf(section: Section): Iterable<Cube<ItemMeasures>> {
  if (section.kind === 'live') {
    for (const { partial } of section.partials) yield partial.articles;
    return;
  }
  const { views, time, level } = section.row;
  for (const bytes of views.values()) yield decodeArticles(bytes, time * SLOTS[level]);
}

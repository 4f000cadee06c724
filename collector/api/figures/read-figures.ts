/**
 * Reads the figures of a time range: from day rows where the day is rolled up, else from hour rows,
 * else from the raw log.
 *
 * A closed hour with a rollup is served from that rollup even while a due mark for it is pending,
 * so figures never dip at the top of an hour. An hour without a rollup (open, or closed a moment
 * ago) is folded from the raw log. Figures do not dip either when a rollup row takes over, because
 * a row is complete from its first publication on (`collector/rollup/recompute.ts`).
 */
import type { Cooperative } from '../../../shared/cooperative.ts';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { dayOfHour, hourOf, type Range, SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../../shared/time.ts';
import { checkedCell, type Visitor, visitArticles, visitFigures } from '../../aggregation/cell-entries.ts';
import type { SketchSelection } from '../../aggregation/codec.ts';
import type { Cube } from '../../aggregation/cube.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import type { ItemMeasures, Measures } from '../../aggregation/measures.ts';
import { unpackCell } from '../../aggregation/message-pack/unpack-cell.ts';
import { ARTICLES_VIEW, articlesOf, viewOf } from '../../aggregation/views.ts';
import type { EventLog } from '../../store/event-log.ts';
import type { ParkedHours, ParkReason } from '../../store/parked-hours.ts';
import { type Cells, hasCells, isWhole, type Rollup, type Rollups } from '../../store/rollups.ts';
import type { Question } from '../admission/question.ts';
import type { LeftOut, LiveHours } from './live-hours.ts';

export interface FiguresStores {
  readonly log: EventLog;
  readonly rollups: Pick<Rollups, 'scan'>;
  readonly live: Pick<LiveHours, 'read' | 'figures' | 'articles'>;
  readonly parked: ParkedHours;
}

/** A terminal whose hour is not in the figures, or not as it is now. */
export interface ParkedHour {
  /** Hours since 1970. */
  readonly hour: number;
  readonly terminal: TerminalId;
  readonly reason: ParkReason;
}

/** Which cells answer a query: one view of all terminals, each terminal's part, or the articles. */
export type Source = FiguresSource | { readonly kind: 'articles' };
export type FiguresSource = { readonly kind: 'view'; readonly name: string } | { readonly kind: 'parts' };

/** Measures by group and slot, to be visited in slices. */
export interface Entries<M> {
  readonly each: (visitor: Visitor<M>) => Cooperative<void>;
}

/** The figures of a terminal in an hour or day; null: of all terminals. */
export interface TerminalFigures extends Entries<Measures> {
  readonly terminal: string | null;
  /** None of its slots is earlier, nor is one of what comes later. */
  readonly firstSlot: number;
}

/** A rollup row of one day or hour, or what an hour without one has by now. */
type Section =
  | { readonly kind: 'rollup'; readonly row: Rollup; readonly view: Uint8Array | null }
  | ({ readonly kind: 'live'; readonly hour: number } & LiveSection);

interface LiveSection {
  /** Terminal by terminal, or (null) of all. */
  readonly figures: readonly { readonly terminal: TerminalId | null; readonly cube: Cube<Measures> }[];
  readonly articles: readonly Cube<ItemMeasures>[];
  readonly parked: LeftOut;
}

/** More are not told one by one: the merchant asks support. */
const MAX_PARKED_NAMED = 100;

const SLOTS = { hour: SLOTS_PER_HOUR, day: SLOTS_PER_DAY } as const;

/**
 * Reads one merchant's figures as of one moment, in order of time. Visit each before the next one
 * is requested.
 */
export class FiguresReader {
  readonly #stores: FiguresStores;
  readonly #logic: Logic;
  readonly #merchant: MerchantId;
  readonly #now: number;
  readonly #question: Question;
  readonly #parked = new Map<string, ParkedHour>();
  /** Rows that are parked as a whole: what was published is not as it is now. */
  #outdated: Readonly<Record<Rollup['level'], ReadonlySet<number>>> = { hour: new Set(), day: new Set() };

  /** @param now milliseconds since 1970 */
  constructor(stores: FiguresStores, logic: Logic, merchant: MerchantId, now: number, question: Question) {
    this.#stores = { ...stores, parked: stores.parked.ofLogic(logic.version) };
    this.#logic = logic;
    this.#merchant = merchant;
    this.#now = now;
    this.#question = question;
  }

  async *figures(range: Range, source: FiguresSource, wanted: SketchSelection): AsyncIterable<TerminalFigures> {
    for await (const section of this.#days(range, source)) {
      await this.#question.turn();
      if (section.kind === 'live') {
        const firstSlot = section.hour * SLOTS_PER_HOUR;
        for (const { terminal, cube } of section.figures)
          yield { terminal, firstSlot, each: (visitor) => visitCube(cube, visitor) };
        continue;
      }
      const { view, row } = section;
      const firstSlot = row.time * SLOTS[row.level];
      if (view !== null)
        yield { terminal: null, firstSlot, each: (visitor) => visitFigures(view, 'view', firstSlot, wanted, visitor) };
      for (const [terminal, bytes] of row.parts) {
        const content = await this.#readable(bytes);
        if (content === null) yield* this.#below(row, terminal, firstSlot, wanted);
        else
          yield { terminal, firstSlot, each: (visitor) => visitFigures(content, 'part', firstSlot, wanted, visitor) };
      }
    }
  }

  /** The figures of a terminal whose part cannot be read: of the day's hours, or the raw log. */
  async *#below(
    { level, time }: Rollup,
    terminal: TerminalId,
    firstSlot: number,
    wanted: SketchSelection,
  ): AsyncIterable<TerminalFigures> {
    const { live, rollups } = this.#stores;
    const logic = this.#logic;
    if (level === 'hour') {
      const { partials } = await live.read(this.#merchant, time, logic);
      const found = partials.find((partial) => partial.terminal === terminal);
      if (found !== undefined)
        yield { terminal, firstSlot, each: (visitor) => visitCube(found.partial.figures, visitor) };
      return;
    }
    const cells: Cells = { kind: 'parts', terminals: [terminal] };
    for await (const row of rollups.scan(this.#merchant, 'hour', logic.version, time * 24, (time + 1) * 24, cells)) {
      const [bytes] = row.parts.values();
      if (bytes === undefined) continue;
      const content = await this.#readable(bytes);
      const base = row.time * SLOTS_PER_HOUR;
      if (content === null) yield* this.#below(row, terminal, firstSlot, wanted);
      else yield { terminal, firstSlot, each: (visitor) => visitFigures(content, 'part', base, wanted, visitor) };
    }
  }

  async *articles(range: Range): AsyncIterable<Entries<ItemMeasures>> {
    for await (const section of this.#days(range, { kind: 'articles' })) {
      await this.#question.turn();
      if (section.kind === 'live') {
        for (const cube of section.articles) yield { each: (visitor) => visitCube(cube, visitor) };
        continue;
      }
      const { view, row } = section;
      if (view !== null) yield { each: (visitor) => visitArticles(view, row.time * SLOTS[row.level], visitor) };
    }
  }

  /** The content of a cell; null when it cannot be read. */
  async #readable(cell: Uint8Array): Promise<Uint8Array | null> {
    let content: Uint8Array;
    try {
      content = checkedCell(await unpackCell(cell));
    } catch {
      return null;
    }
    this.#question.read(0, content.length);
    return content;
  }

  /**
   * What is parked in a range: by roll-ups, and by what was read here so far. At most
   * `MAX_PARKED_NAMED`, oldest first.
   */
  async parked(range: Range): Promise<ParkedHour[]> {
    const [from, to] = [hourOf(range.from), hourOf(range.to - 1) + 1];
    for await (const { time, parts } of this.#stores.parked.of(this.#merchant, 'hour', from, to)) {
      for (const { terminal, reason } of parts) if (terminal !== null) this.#leaveOut({ hour: time, terminal, reason });
      if (this.#parked.size >= MAX_PARKED_NAMED) break;
    }
    return [...this.#parked.values()].sort((a, b) => a.hour - b.hour).slice(0, MAX_PARKED_NAMED);
  }

  #leaveOut(parked: ParkedHour): void {
    this.#parked.set(`${parked.hour}/${parked.terminal}`, parked);
  }

  async *#days(range: Range, source: Source): AsyncIterable<Section> {
    let hour = hourOf(range.from);
    const end = hourOf(range.to - 1) + 1;
    const [hours, days] = await Promise.all([
      this.#parkedWhole('hour', hour, end),
      this.#parkedWhole('day', dayOfHour(hour), dayOfHour(end - 1) + 1),
    ]);
    this.#outdated = { hour: hours, day: days };
    // The client may have left meanwhile.
    await this.#question.turn();
    for await (const row of this.#rows('day', dayOfHour(hour), dayOfHour(end - 1) + 1, source)) {
      this.#question.read(1, 0);
      if (!isWhole(row, this.#now) || days.has(row.time)) continue;
      const section = await this.#sectionOf(row, source);
      if (section === null) continue;
      if (hour < row.time * 24) yield* this.#hours(hour, row.time * 24, source);
      yield section;
      hour = (row.time + 1) * 24;
    }
    yield* this.#hours(hour, end, source);
  }

  async *#hours(from: number, to: number, source: Source): AsyncIterable<Section> {
    let hour = from;
    await this.#question.turn();
    for await (const row of this.#rows('hour', from, to, source)) {
      this.#question.read(1, 0);
      // The row of an event stamped ahead of time: once its hour has begun, the raw log is newer.
      if (row.time <= hourOf(this.#now) && !isWhole(row, this.#now)) continue;
      if (this.#outdated.hour.has(row.time)) continue;
      const section = await this.#sectionOf(row, source);
      if (section === null) continue;
      if (hour < row.time) yield* this.#live(hour, row.time, source);
      yield section;
      hour = row.time + 1;
    }
    yield* this.#live(hour, to, source);
  }

  /** @returns null when the row lacks the cells, or its view cannot be read: it counts as absent */
  async #sectionOf(row: Rollup, source: Source): Promise<Section | null> {
    if (!hasCells(row, cellsOf(source))) return null;
    const [cell] = row.views.values();
    if (cell === undefined) return { kind: 'rollup', row, view: null };
    const view = await this.#readable(cell);
    return view === null ? null : { kind: 'rollup', row, view };
  }

  async #parkedWhole(level: Rollup['level'], from: number, to: number): Promise<Set<number>> {
    const whole = new Set<number>();
    for await (const { time, parts } of this.#stores.parked.of(this.#merchant, level, from, to)) {
      this.#question.read(1, 0);
      if (parts.some(({ terminal }) => terminal === null)) whole.add(time);
    }
    return whole;
  }

  async *#live(from: number, to: number, source: Source): AsyncIterable<Section> {
    const { log } = this.#stores;
    for await (const hour of log.hours(this.#merchant, from, to)) {
      this.#question.read(1, 0);
      const section = await this.#liveHour(hour, source);
      for (const { terminal, reason } of section.parked) this.#leaveOut({ hour, terminal, reason });
      yield { kind: 'live', hour, ...section };
    }
  }

  /** What a row of the hour would say. */
  async #liveHour(hour: number, source: Source): Promise<LiveSection> {
    const { live } = this.#stores;
    if (source.kind === 'articles') {
      const { cubes, parked } = await live.articles(this.#merchant, hour, this.#logic);
      return { figures: [], articles: await this.#question.run(articlesOf(cubes)), parked };
    }
    if (source.kind === 'view') {
      const { cubes, parked } = await live.figures(this.#merchant, hour, source.name, this.#logic);
      const view = await this.#question.run(viewOf(source.name, cubes));
      return { figures: view.map((cube) => ({ terminal: null, cube })), articles: [], parked };
    }
    const { partials, parked } = await live.read(this.#merchant, hour, this.#logic);
    const figures = partials.map(({ terminal, partial }) => ({ terminal, cube: partial.figures }));
    return { figures, articles: [], parked };
  }

  #rows(level: Rollup['level'], from: number, to: number, source: Source): AsyncIterable<Rollup> {
    return this.#stores.rollups.scan(this.#merchant, level, this.#logic.version, from, to, cellsOf(source));
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

function* visitCube<M>(cube: Cube<M>, visitor: Visitor<M>): Cooperative<void> {
  const visit = visitor(cube.keys, cube.folded);
  for (const { key, slots } of cube.groups()) {
    for (const [slot, measures] of slots) visit(key, slot, measures);
    yield;
  }
}

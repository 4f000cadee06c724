/**
 * Divides a time range into sections that are answered alike: from day rows where the day is rolled
 * up, else from hour rows, else from the raw log.
 *
 * A closed hour with a rollup is served from that rollup even while a due mark for it is pending,
 * so figures never dip at the top of an hour. An hour without a rollup (open, or closed a moment
 * ago) is folded from the raw log. Figures do not dip either when a rollup row takes over, because
 * a row is complete from its first publication on (`collector/rollup/recompute.ts`).
 *
 * What a question needs is read at once: the day rows together with the hour rows of today, then
 * the raw rows of all hours without a row (`gap-rows.ts`). A day of before without a row has hour
 * rows only if it has raw rows, so they are looked for only then.
 */
import { begun } from '../../../shared/cooperative.ts';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { DAY_MS, dayOfHour, HOUR_MS, hourOf, type Range } from '../../../shared/time.ts';
import { checkedCell } from '../../aggregation/cell-entries.ts';
import type { Cube } from '../../aggregation/cube.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import type { ItemMeasures, Measures } from '../../aggregation/measures.ts';
import { unpackCell } from '../../aggregation/message-pack/unpack-cell.ts';
import { ARTICLES_VIEW, articlesOf, viewOf } from '../../aggregation/views/views.ts';
import type { EventLog } from '../../store/event-log.ts';
import type { ParkedHours, ParkReason } from '../../store/parked-hours.ts';
import { type Cells, hasCells, isWhole, type Rollup } from '../../store/rollups/rollup.ts';
import type { Rollups } from '../../store/rollups/rollups.ts';
import type { Question } from '../admission/question.ts';
import type { Completeness } from './completeness.ts';
import { type Gap, GapRows, type HourRange, type Instant, type SeenHour, Window } from './gap-rows.ts';
import type { LeftOut, LiveHours } from './live-hours.ts';

export interface FiguresStores {
  readonly log: EventLog;
  readonly rollups: Pick<Rollups, 'scan' | 'scanDays'>;
  readonly live: Pick<LiveHours, 'read' | 'figures' | 'articles' | 'large' | 'keepUp'> & {
    /** Null: each hour is read alone, as of an earlier moment. */
    readonly instant: () => Instant | null;
  };
  readonly parked: ParkedHours;
}

/** Whose figures are read, and what is known of them. */
export interface FiguresContext {
  readonly logic: Logic;
  readonly merchant: MerchantId;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly question: Question;
  /** Read before. */
  readonly complete: Pick<Completeness, 'mayBeParked'>;
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

/** A rollup row of one day or hour, or what an hour without one has by now. */
export type Section = RollupSection | ({ readonly kind: 'live'; readonly hour: number } & LiveSection);

interface RollupSection {
  readonly kind: 'rollup';
  readonly row: Rollup;
  readonly view: Uint8Array | null;
}

interface LiveSection {
  /** Terminal by terminal, or (null) of all. */
  readonly figures: readonly { readonly terminal: TerminalId | null; readonly cube: Cube<Measures> }[];
  readonly articles: readonly Cube<ItemMeasures>[];
  readonly parked: LeftOut;
}

/** More are not told one by one: the merchant asks support. */
const MAX_PARKED_NAMED = 100;
/** Rows of days that are held until the gaps between them are read at once. */
const HELD_BYTES = 16 * 1024 * 1024;
/** Yesterday's hours are read along as long as its row may be on its way. */
const DAY_ROW_MS = 3 * HOUR_MS;
/** Raw rows of days before may have expired: 400 days after they came. */
const RAW_DAYS = 390;

export class Sections {
  readonly #stores: FiguresStores;
  readonly #logic: Logic;
  readonly #merchant: MerchantId;
  readonly #now: number;
  readonly #question: Question;
  readonly #mayBeParked: (hours: HourRange) => boolean;
  readonly #parked = new Map<string, ParkedHour>();
  /** Rows that are parked as a whole: what was published is not as it is now. */
  readonly #outdated: Readonly<Record<Rollup['level'], Set<number>>> = { hour: new Set(), day: new Set() };

  /** @param now milliseconds since 1970 */
  constructor(stores: FiguresStores, { logic, merchant, now, question, complete }: FiguresContext) {
    this.#stores = stores;
    this.#logic = logic;
    this.#merchant = merchant;
    this.#now = now;
    this.#question = question;
    this.#mayBeParked = (hours) => complete.mayBeParked(hours);
  }

  /** By roll-ups, and by what was folded here. */
  parked(): ParkedHour[] {
    return [...this.#parked.values()].sort((a, b) => a.hour - b.hour).slice(0, MAX_PARKED_NAMED);
  }

  /** In order of time. Use each before the next one is requested. */
  async *of(range: Range, source: Source): AsyncIterable<Section> {
    const [from, end] = [hourOf(range.from), hourOf(range.to - 1) + 1];
    const days = { from: dayOfHour(from), to: dayOfHour(end - 1) + 1 };
    const recent = Math.min(Math.max(from, dayOfHour(hourOf(this.#now - DAY_ROW_MS)) * 24), end);
    // The client may have left meanwhile.
    await this.#question.turn();
    const [{ rollups }, version] = [this.#stores, this.#logic.version];
    const rows = begun(rollups.scanDays(this.#merchant, version, days, { from: recent, to: end }, cellsOf(source)));
    const covered = { from: days.from * 24, to: days.to * 24 };
    if (this.#mayBeParked(covered)) await this.#readParked({ from, to: end }, days);
    const hours: Rollup[] = [];
    let window = new Window<RollupSection>(from);
    for await (const row of rows) {
      this.#question.read(1, 0);
      if (row.level === 'hour') {
        hours.push(row);
        continue;
      }
      const isUsed = isWhole(row, this.#now) && !this.#outdated.day.has(row.time);
      const section = isUsed ? await this.#sectionOf(row, source) : null;
      if (section === null) window.below.add(row.time);
      else window.add(section);
      if (window.bytes < HELD_BYTES) continue;
      const { end: next } = window;
      yield* this.#window(window, next, recent, hours, source);
      window = new Window(next);
    }
    yield* this.#window(window, end, recent, hours, source);
  }

  async *#window(
    window: Window<RollupSection>,
    end: number,
    recent: number,
    hours: readonly Rollup[],
    source: Source,
  ): AsyncIterable<Section> {
    const kept = dayOfHour(hourOf(this.#now - RAW_DAYS * DAY_MS)) * 24;
    const pieces: (RollupSection | Gap)[] = [];
    for (const piece of window.pieces(end, recent, kept)) {
      if (piece.kind === 'open') pieces.push(...(await this.#openPieces(piece, hours, source)));
      else pieces.push(piece);
    }
    const raw = await this.#rawOf(
      pieces.filter((piece): piece is Gap => piece.kind === 'open' || piece.kind === 'absent'),
    );
    for (const piece of pieces) {
      if (piece.kind === 'rollup') yield piece;
      else if (piece.kind === 'open') yield* this.#live(piece, raw, source);
      else if (piece.kind === 'below' || (await raw.hasAny(piece))) yield* this.#hours(piece, source);
    }
  }

  /** Hour rows that were read along, and what lies between them. */
  async #openPieces({ from, to }: Gap, hours: readonly Rollup[], source: Source): Promise<(RollupSection | Gap)[]> {
    const pieces: (RollupSection | Gap)[] = [];
    let hour = from;
    for (const row of hours) {
      if (row.time < hour || row.time >= to) continue;
      const section = await this.#hourSection(row, source);
      if (section === null) continue;
      if (hour < row.time) pieces.push({ kind: 'open', from: hour, to: row.time });
      pieces.push(section);
      hour = row.time + 1;
    }
    return hour < to ? [...pieces, { kind: 'open', from: hour, to }] : pieces;
  }

  async #rawOf(gaps: readonly Gap[]): Promise<GapRows> {
    const { log, live } = this.#stores;
    const [merchant, logic] = [this.#merchant, this.#logic];
    const raw = new GapRows(log, merchant);
    const at = live.instant();
    if (at === null || gaps.length === 0) return raw;
    const large = live.large(merchant, logic, gaps);
    await Promise.all([raw.read(gaps, large, at), ...large.map((hour) => live.keepUp(merchant, hour, logic))]);
    return raw;
  }

  async *#hours({ from, to }: HourRange, source: Source): AsyncIterable<Section> {
    const { log, rollups } = this.#stores;
    const raw = new GapRows(log, this.#merchant);
    let hour = from;
    await this.#question.turn();
    for await (const row of rollups.scan(this.#merchant, 'hour', this.#logic.version, from, to, cellsOf(source))) {
      this.#question.read(1, 0);
      const section = await this.#hourSection(row, source);
      if (section === null) continue;
      if (hour < row.time) yield* this.#live({ from: hour, to: row.time }, raw, source);
      yield section;
      hour = row.time + 1;
    }
    yield* this.#live({ from: hour, to }, raw, source);
  }

  async #hourSection(row: Rollup, source: Source): Promise<RollupSection | null> {
    // The row of an event stamped ahead of time: once its hour has begun, the raw log is newer.
    if (row.time <= hourOf(this.#now) && !isWhole(row, this.#now)) return null;
    return this.#outdated.hour.has(row.time) ? null : await this.#sectionOf(row, source);
  }

  /** @returns null when the row lacks the cells, or its view cannot be read: it counts as absent */
  async #sectionOf(row: Rollup, source: Source): Promise<RollupSection | null> {
    if (!hasCells(row, cellsOf(source))) return null;
    const [cell] = row.views.values();
    if (cell === undefined) return { kind: 'rollup', row, view: null };
    const view = await readableCell(this.#question, cell);
    return view === null ? null : { kind: 'rollup', row, view };
  }

  async #readParked(hours: HourRange, days: HourRange): Promise<void> {
    const parked = this.#stores.parked.ofLogic(this.#logic.version);
    for await (const { level, time, parts } of parked.of(this.#merchant, { hour: hours, day: days })) {
      this.#question.read(1, 0);
      for (const { terminal, reason } of parts) {
        if (terminal === null) this.#outdated[level].add(time);
        else if (level === 'hour' && this.#parked.size < MAX_PARKED_NAMED)
          this.#leaveOut({ hour: time, terminal, reason });
      }
    }
  }

  #leaveOut(parked: ParkedHour): void {
    this.#parked.set(`${parked.hour}/${parked.terminal}`, parked);
  }

  async *#live(range: HourRange, raw: GapRows, source: Source): AsyncIterable<Section> {
    for await (const { hour, seen } of raw.hours(range)) {
      this.#question.read(1, 0);
      const section = await this.#liveHour(hour, source, seen);
      for (const { terminal, reason } of section.parked) this.#leaveOut({ hour, terminal, reason });
      yield { kind: 'live', hour, ...section };
    }
  }

  /** What a row of the hour would say. */
  async #liveHour(hour: number, source: Source, seen: SeenHour | null): Promise<LiveSection> {
    const { live } = this.#stores;
    if (source.kind === 'articles') {
      const { cubes, parked } = await live.articles(this.#merchant, hour, this.#logic, seen);
      return { figures: [], articles: await this.#question.run(articlesOf(cubes)), parked };
    }
    if (source.kind === 'view') {
      const { cubes, parked } = await live.figures(this.#merchant, hour, source.name, this.#logic, seen);
      const view = await this.#question.run(viewOf(source.name, cubes));
      return { figures: view.map((cube) => ({ terminal: null, cube })), articles: [], parked };
    }
    const { partials, parked } = await live.read(this.#merchant, hour, this.#logic, seen);
    const figures = partials.map(({ terminal, partial }) => ({ terminal, cube: partial.figures }));
    return { figures, articles: [], parked };
  }
}

/** The content of a cell; null when it cannot be read. */
export async function readableCell(question: Question, cell: Uint8Array): Promise<Uint8Array | null> {
  let content: Uint8Array;
  try {
    content = checkedCell(await unpackCell(cell));
  } catch {
    return null;
  }
  question.read(0, content.length);
  return content;
}

function cellsOf(source: Source): Cells {
  return source.kind === 'articles' ? { kind: 'view', name: ARTICLES_VIEW } : source;
}

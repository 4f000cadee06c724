/**
 * Hours that have no rollup yet: folded from the raw log on request (`live-hour.ts`) and
 * remembered, so that the next request folds only new rows.
 *
 * A terminal that exceeds a fold's limits, or has a row that cannot be read, is parked: it is left
 * out and named, and tried again after a while. An hour that takes too much memory is refused.
 */
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import type { Cube } from '../../aggregation/cube.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import type { ItemMeasures, Measures } from '../../aggregation/measures.ts';
import type { PartialAggregate } from '../../aggregation/partial.ts';
import type { ParkReason } from '../../store/parked-hours.ts';
import { StoreUnavailable } from '../../store/tables.ts';
import { Problem } from '../query/problem.ts';
import { GAP_ROWS, type HourLog, type HourRange, type Instant, type SeenHour } from './gap-rows.ts';
import { HourCheck } from './hour-check.ts';
import { LiveHour, RETRY_MS } from './live-hour.ts';
import type { MergedTerminals } from './merged-terminals.ts';

export interface LivePartial {
  readonly terminal: TerminalId;
  readonly partial: PartialAggregate;
}

/** Terminals that are left out. */
export type LeftOut = readonly { readonly terminal: TerminalId; readonly reason: ParkReason }[];

export interface LiveParts {
  readonly partials: readonly LivePartial[];
  readonly parked: LeftOut;
}

/** Of all terminals, some cubes together. */
export interface LiveCubes<M> {
  readonly cubes: readonly Cube<M>[];
  readonly parked: LeftOut;
}

interface Entry {
  readonly hour: LiveHour;
  readonly check: HourCheck;
  /** Bytes of memory, about. */
  bytes: number;
  /** Monotonic, milliseconds. */
  staleAt: number;
  /** The running update, which concurrent requests join. */
  update: Promise<void> | null;
  /** What is checked after an update; the next one waits for it. */
  checking: Promise<void>;
  /** Too large to be folded, until then; monotonic, milliseconds. */
  refusedUntil: number;
  /** Its bytes count no more; some request may still read it. */
  isEvicted: boolean;
}

export interface LiveHoursOptions {
  readonly log: HourLog;
  /** Monotonic clock, milliseconds. */
  readonly clock: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /**
   * An entry younger than this is served as it is; a large one for as long as its update took, so
   * that updates take at most half of the time.
   */
  readonly freshForMs: number;
  /** See `LiveHourOptions` and `HourCheck`. */
  readonly marginMs: number;
  readonly checkMs: number;
  /**
   * Bound on the bytes of the folds of one hour, and of all other hours together; the least
   * recently used are evicted first.
   */
  readonly maxBytes: number;
}

/** A gap is read by pages of so many rows, of which an hour takes at most half. */
const LARGE_ROWS = GAP_ROWS / 2;
/** Bytes of memory of an entry without a row. */
const ENTRY_BYTES = 512;

export class LiveHours {
  readonly #options: LiveHoursOptions;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();
  /** Of all entries, and of folds that are to replace others. */
  #bytes = 0;

  constructor(options: LiveHoursOptions) {
    this.#options = options;
  }

  /**
   * The partial aggregates of all terminals of an hour. Read them before the next call: it may add
   * to them.
   *
   * @param seen all rows of the hour, if they were read just now; here and below
   * @throws Problem 503 when the hour takes too much memory
   */
  async read(merchant: MerchantId, hour: number, logic: Logic, seen: SeenHour | null = null): Promise<LiveParts> {
    const entry = this.#entryOf(merchant, hour, logic);
    await this.#keepUp(entry, seen);
    const terminals = [...entry.hour.terminals];
    return {
      partials: terminals.flatMap(([terminal, { fold, parked }]) =>
        parked === null ? [{ terminal, partial: fold.partial() }] : [],
      ),
      parked: leftOut(entry),
    };
  }

  /**
   * Cubes that `viewOf` makes the figures of a view of, to be read likewise.
   *
   * @throws Problem 503
   */
  figures(
    merchant: MerchantId,
    hour: number,
    view: string,
    logic: Logic,
    seen: SeenHour | null = null,
  ): Promise<LiveCubes<Measures>> {
    return this.#merged(this.#entryOf(merchant, hour, logic), view, seen, (merged) => merged.figures(view));
  }

  /** The same for `articlesOf`. @throws Problem 503 */
  articles(
    merchant: MerchantId,
    hour: number,
    logic: Logic,
    seen: SeenHour | null = null,
  ): Promise<LiveCubes<ItemMeasures>> {
    return this.#merged(this.#entryOf(merchant, hour, logic), null, seen, (merged) => merged.articles());
  }

  /** Of a reading that begins now. */
  instant(): Instant {
    const { now, clock } = this.#options;
    return { now: now(), clock: clock() };
  }

  /** Hours that are known to have so many rows that what is new is read alone, in order. */
  large(merchant: MerchantId, logic: Logic, ranges: readonly HourRange[]): number[] {
    return this.#hoursIn(merchant, logic, ranges).filter((hour) => {
      const entry = this.#entries.get(nameOf(merchant, hour, logic));
      return entry !== undefined && isLarge(entry.hour);
    });
  }

  /** Hours of the ranges, in order: all, or if a century has more than there are entries, those. */
  #hoursIn(merchant: MerchantId, logic: Logic, ranges: readonly HourRange[]): number[] {
    const count = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
    if (count <= this.#entries.size)
      return ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, at) => from + at));
    const hours: number[] = [];
    for (const name of this.#entries.keys()) {
      const [of, hour, version] = name.split('/');
      if (of === merchant && Number(version) === logic.version) hours.push(Number(hour));
    }
    return hours.filter((hour) => ranges.some(({ from, to }) => from <= hour && hour < to)).sort((a, b) => a - b);
  }

  /** Reads what is new of an hour, as a question for its figures would. @throws Problem 503 */
  async keepUp(merchant: MerchantId, hour: number, logic: Logic): Promise<void> {
    await this.#keepUp(this.#entryOf(merchant, hour, logic), null);
  }

  async #merged<M>(
    entry: Entry,
    view: string | null,
    seen: SeenHour | null,
    cubesOf: (merged: MergedTerminals) => Cube<M>[] | null,
  ): Promise<LiveCubes<M>> {
    entry.hour.merged.want(view);
    await this.#keepUp(entry, seen);
    for (;;) {
      const cubes = cubesOf(entry.hour.merged);
      if (cubes !== null) return { cubes, parked: leftOut(entry) };
      // Asked for the first time.
      await this.#updated(entry, null);
    }
  }

  #entryOf(merchant: MerchantId, hour: number, logic: Logic): Entry {
    const name = nameOf(merchant, hour, logic);
    const entry = this.#entries.get(name) ?? this.#newEntry(merchant, hour, logic);
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    return entry;
  }

  async #keepUp(entry: Entry, seen: SeenHour | null): Promise<void> {
    const now = this.#options.clock();
    if (now < entry.refusedUntil) throw refusal();
    if (now < entry.staleAt) return;
    await this.#updated(entry, seen);
    this.#evict();
  }

  #updated(entry: Entry, seen: SeenHour | null): Promise<void> {
    const { clock } = this.#options;
    entry.update ??= this.#update(entry, seen).finally(() => {
      entry.update = null;
      if (entry.refusedUntil > clock()) entry.hour.clear();
    });
    return entry.update;
  }

  async #update(entry: Entry, seen: SeenHour | null): Promise<void> {
    const { clock, freshForMs } = this.#options;
    await entry.checking;
    const isFirst = entry.hour.isEmpty;
    let startedAt = seen?.at.clock ?? clock();
    await entry.hour.update(seen);
    if (isFirst && clock() - startedAt > freshForMs) {
      // Reading all rows took long: what came meanwhile is little.
      startedAt = clock();
      await entry.hour.update();
    }
    entry.staleAt = Math.max(startedAt + freshForMs, 2 * clock() - startedAt);
    // A store that is away is asked again with the next piece.
    entry.checking = entry.check.run().catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) throw error;
    });
  }

  #newEntry(merchant: MerchantId, hour: number, logic: Logic): Entry {
    const never = Number.NEGATIVE_INFINITY;
    const times = { staleAt: never, refusedUntil: never };
    const state = { ...times, bytes: 0, update: null, checking: Promise.resolve(), isEvicted: false };
    const grow = (bytes: number): void => {
      entry.bytes += bytes;
      if (!entry.isEvicted) this.#bytes += bytes;
    };
    const room = { onGrowth: grow, checkRoom: () => this.#checkRoom(entry) };
    const options = { ...this.#options, logic, merchant, hour, ...room };
    const live = new LiveHour(options);
    const entry: Entry = { hour: live, check: new HourCheck(options, live), ...state };
    grow(ENTRY_BYTES);
    return entry;
  }

  /** Refuses an hour that is too large, or one too many of those that grow at the same time. */
  #checkRoom(entry: Entry): void {
    const { clock, maxBytes } = this.#options;
    if (this.#bytes > 2 * maxBytes) this.#evict();
    if (entry.bytes <= maxBytes && this.#bytes <= 2 * maxBytes) return;
    entry.refusedUntil = clock() + RETRY_MS;
    throw refusal();
  }

  #evict(): void {
    // The most recent one stays, however large: otherwise each query for it would fold it from
    // scratch.
    const others = [...this.#entries].slice(0, -1);
    let bytes = others.reduce((sum, [, entry]) => sum + entry.bytes, 0);
    for (const [name, entry] of others) {
      if (bytes <= this.#options.maxBytes) return;
      if (entry.update !== null) continue;
      this.#entries.delete(name);
      entry.isEvicted = true;
      this.#bytes -= entry.bytes;
      bytes -= entry.bytes;
    }
  }
}

const nameOf = (merchant: MerchantId, hour: number, { version }: Logic): string => `${merchant}/${hour}/${version}`;

function isLarge({ terminals }: LiveHour): boolean {
  let rows = 0;
  for (const { losses, events } of terminals.values()) {
    rows += losses.rows + events.rows;
    if (rows > LARGE_ROWS) return true;
  }
  return false;
}

const leftOut = ({ hour }: Entry): LeftOut =>
  [...hour.terminals].flatMap(([terminal, { parked }]) =>
    parked === null ? [] : [{ terminal, reason: parked.reason }],
  );

const refusal = (): Problem =>
  new Problem(503, 'an hour of this range holds too much to be calculated on request: ask again once it is rolled up');

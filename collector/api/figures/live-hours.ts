/**
 * Hours that have no rollup yet: folded from the raw log on request and cached, so that the next
 * request folds only new rows.
 *
 * Rows of an hour are only ever added. An entry holds, for each lane (the events or the losses of
 * one terminal), how many rows were folded and the last key. While exactly that many rows lie at or
 * below that key, no row was inserted in between, and the rows above it are the new ones. Otherwise
 * the terminal is folded again from its start; so it is when a new row arrived before one that was
 * counted. An update that fails half-way has folded some rows and counted exactly these; the next
 * update continues from there.
 *
 * A terminal that exceeds a fold's limits, or has a row that cannot be read, is parked: it is left
 * out and named, and tried again after a while. An hour that takes too much memory is refused.
 */
import { Buffer } from 'node:buffer';
import { Slices } from '../../../shared/cooperative.ts';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { FoldTooDear, PartialFold } from '../../aggregation/fold.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import type { PartialAggregate } from '../../aggregation/partial.ts';
import { readRow, UnreadableRow, unpackedTogether } from '../../aggregation/raw-row.ts';
import type { EventLog, RawRow } from '../../store/event-log.ts';
import type { ParkReason } from '../../store/parked-hours.ts';
import { Problem } from '../query/problem.ts';

export interface LivePartial {
  readonly terminal: TerminalId;
  readonly partial: PartialAggregate;
}

export interface LiveHour {
  readonly partials: readonly LivePartial[];
  /** Terminals that are left out. */
  readonly parked: readonly { readonly terminal: TerminalId; readonly reason: ParkReason }[];
}

interface Lane {
  /** Rows folded so far. */
  rows: number;
  lastKey: Uint8Array;
  /** Rows at or below `lastKey` that the running update has seen. */
  seen: number;
}

interface Folded {
  readonly fold: PartialFold;
  readonly losses: Lane;
  readonly events: Lane;
  /** Why the terminal is left out, until when (monotonic, milliseconds). */
  parked: { readonly reason: ParkReason; readonly until: number } | null;
}

interface Entry {
  readonly logic: Logic;
  terminals: Map<TerminalId, Folded>;
  /** Bytes of memory of the folds, about. */
  bytes: number;
  /** Monotonic, milliseconds. */
  staleAt: number;
  /** The running update, which concurrent requests join. */
  update: Promise<void> | null;
  /** Too large to be folded, until then; monotonic, milliseconds. */
  refusedUntil: number;
}

export interface LiveHoursOptions {
  readonly log: EventLog;
  /** Monotonic clock, milliseconds. */
  readonly clock: () => number;
  /**
   * An entry younger than this is served as it is; a large one for as long as its update took, so
   * that updates take at most half of the time.
   */
  readonly freshForMs: number;
  /**
   * Bound on the bytes of the folds of one hour, and of all other hours together; the least
   * recently used are evicted first.
   */
  readonly maxBytes: number;
}

/** How long a parked terminal, or an hour that was refused, is not tried again. */
const RETRY_MS = 60_000;
/** Bytes of memory of an entry without a row. */
const ENTRY_BYTES = 512;

const reasonOf = (error: unknown): ParkReason | null => {
  if (error instanceof FoldTooDear) return 'cost';
  return error instanceof UnreadableRow ? 'unreadable' : null;
};

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
   * @throws Problem 503 when the hour takes too much memory
   */
  async read(merchant: MerchantId, hour: number, logic: Logic): Promise<LiveHour> {
    const name = `${merchant}/${hour}/${logic.version}`;
    const entry = this.#entries.get(name) ?? this.#newEntry(logic);
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    const now = this.#options.clock();
    if (now < entry.refusedUntil) throw refusal();
    if (now >= entry.staleAt) {
      entry.update ??= this.#update(entry, merchant, hour).finally(() => {
        entry.update = null;
        if (entry.refusedUntil > now) this.#empty(entry);
      });
      await entry.update;
      this.#evict();
    }
    const terminals = [...entry.terminals];
    return {
      partials: terminals.flatMap(([terminal, { fold, parked }]) =>
        parked === null ? [{ terminal, partial: fold.partial() }] : [],
      ),
      parked: terminals.flatMap(([terminal, { parked }]) => (parked === null ? [] : [{ terminal, ...parked }])),
    };
  }

  async #update(entry: Entry, merchant: MerchantId, hour: number): Promise<void> {
    const { log, clock, freshForMs } = this.#options;
    const startedAt = clock();
    const slices = new Slices();
    if (entry.terminals.size === 0) {
      for await (const row of log.scan(merchant, hour, hour + 1)) await this.#fold(entry, row, slices, true);
    } else {
      await this.#foldNewRows(entry, merchant, hour, slices);
    }
    for (const [terminal, { fold }] of entry.terminals)
      if (fold.isOutdated) await this.#foldAgain(entry, merchant, hour, terminal, slices);
    for (const terminal of entry.terminals.keys())
      await this.#orPark(entry, terminal, (fold) => slices.run(fold.finish()));
    entry.staleAt = Math.max(startedAt + freshForMs, 2 * clock() - startedAt);
  }

  async #foldNewRows(entry: Entry, merchant: MerchantId, hour: number, slices: Slices): Promise<void> {
    const { log, clock } = this.#options;
    const { terminals } = entry;
    for (const { losses, events } of terminals.values()) losses.seen = events.seen = 0;
    const added: Uint8Array[] = [];
    for await (const { key, rowKey } of log.scan(merchant, hour, hour + 1, { keysOnly: true })) {
      await slices.pause();
      const folded = terminals.get(key.terminal);
      const lane = folded?.[key.kind];
      if (lane !== undefined && Buffer.compare(rowKey, lane.lastKey) <= 0) lane.seen++;
      else if (folded?.parked == null) added.push(rowKey);
    }
    const again = new Set<TerminalId>();
    for (const [terminal, { losses, events, parked }] of terminals) {
      const isDue =
        parked === null ? losses.seen !== losses.rows || events.seen !== events.rows : clock() >= parked.until;
      if (isDue) again.add(terminal);
    }
    for (const terminal of again) await this.#foldAgain(entry, merchant, hour, terminal, slices);
    for await (const row of unpackedTogether(log.get(added)))
      if (!again.has(row.key.terminal)) await this.#fold(entry, row, slices, true);
  }

  /** Replaces a terminal's fold only once the new one is complete. */
  async #foldAgain(
    entry: Entry,
    merchant: MerchantId,
    hour: number,
    terminal: TerminalId,
    slices: Slices,
  ): Promise<void> {
    const anew: Entry = { ...entry, terminals: new Map(), bytes: 0 };
    try {
      for await (const row of unpackedTogether(this.#options.log.scanTerminal(merchant, hour, terminal)))
        await this.#fold(anew, row, slices, false);
    } finally {
      this.#grow(anew, -anew.bytes);
    }
    this.#grow(entry, -entry.terminals.get(terminal)!.fold.bytes);
    const folded = anew.terminals.get(terminal);
    if (folded === undefined) entry.terminals.delete(terminal);
    else {
      entry.terminals.set(terminal, folded);
      this.#grow(entry, folded.fold.bytes);
    }
  }

  /** @param isCounted whether its events are counted at once, which is faster; else when settled */
  async #fold(entry: Entry, row: RawRow, slices: Slices, isCounted: boolean): Promise<void> {
    await slices.pause();
    const { terminal, kind } = row.key;
    const folded = entry.terminals.get(terminal) ?? newFold(entry.logic);
    entry.terminals.set(terminal, folded);
    const isFolded = await this.#orPark(entry, terminal, async (fold) => {
      await slices.run(fold.add(readRow(row)));
      if (isCounted) await slices.run(fold.settle());
    });
    if (!isFolded) return;
    folded[kind].rows++;
    folded[kind].lastKey = row.rowKey;
    this.#checkRoom(entry);
  }

  /** @returns false when the terminal is parked, by this work or before */
  async #orPark(entry: Entry, terminal: TerminalId, work: (fold: PartialFold) => Promise<unknown>): Promise<boolean> {
    const { fold, parked } = entry.terminals.get(terminal)!;
    if (parked !== null) return false;
    const before = fold.bytes;
    try {
      await work(fold);
      this.#grow(entry, fold.bytes - before);
      return true;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === null) throw error;
      this.#grow(entry, -before);
      const until = this.#options.clock() + RETRY_MS;
      entry.terminals.set(terminal, { ...newFold(entry.logic), parked: { reason, until } });
      return false;
    }
  }

  #newEntry(logic: Logic): Entry {
    this.#bytes += ENTRY_BYTES;
    const never = Number.NEGATIVE_INFINITY;
    return { logic, terminals: new Map(), bytes: ENTRY_BYTES, staleAt: never, update: null, refusedUntil: never };
  }

  #empty(entry: Entry): void {
    entry.terminals = new Map();
    this.#grow(entry, ENTRY_BYTES - entry.bytes);
  }

  #grow(entry: Entry, bytes: number): void {
    entry.bytes += bytes;
    this.#bytes += bytes;
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
      this.#bytes -= entry.bytes;
      bytes -= entry.bytes;
    }
  }
}

const newLane = (): Lane => ({ rows: 0, lastKey: new Uint8Array(), seen: 0 });
const newFold = (logic: Logic): Folded => ({
  fold: new PartialFold(logic),
  losses: newLane(),
  events: newLane(),
  parked: null,
});

const refusal = (): Problem =>
  new Problem(503, 'an hour of this range holds too much to be calculated on request: ask again once it is rolled up');

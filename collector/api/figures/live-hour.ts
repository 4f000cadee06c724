/**
 * One hour of one merchant, folded from the raw log and kept up with it.
 *
 * Rows of an hour are only ever added. An update reads the keys of the rows that arrived since the
 * last one began, less a margin by which each row that was acknowledged is visible. Of a lane (the
 * events or the losses of one terminal) a key above the last one folded is new. One at or below it
 * is known if the last update listed it too; otherwise it was inserted, and the terminal is folded
 * again from its start. So no row counts twice, whatever the clocks do. What becomes visible after
 * the margin, `HourCheck` finds.
 *
 * An update that fails half-way has folded some rows; the next one begins where it began.
 */
import { Buffer } from 'node:buffer';
import { Slices } from '../../../shared/cooperative.ts';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { type FoldRow, PartialFold } from '../../aggregation/fold.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import type { PartialAggregate } from '../../aggregation/partial.ts';
import { readRow } from '../../aggregation/raw-row.ts';
import type { RawRow } from '../../store/event-log.ts';
import { type FoldedTerminal, newTerminal, reasonOf } from './folded-terminal.ts';
import type { HourLog, Instant, SeenHour } from './gap-rows.ts';
import { MergedTerminals } from './merged-terminals.ts';

export interface LiveHourOptions {
  readonly log: HourLog;
  readonly logic: Logic;
  /** Monotonic clock, milliseconds. */
  readonly clock: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** After its arrival a row that was acknowledged is visible in so many milliseconds. */
  readonly marginMs: number;
  readonly merchant: MerchantId;
  /** Hours since 1970. */
  readonly hour: number;
  /** Memory grew by so many bytes, or shrank. */
  readonly onGrowth: (bytes: number) => void;
  /** @throws when there is no room for what has grown */
  readonly checkRoom: () => void;
}

/** How long a parked terminal, or an hour that was refused, is not tried again. */
export const RETRY_MS = 60_000;
/** Bytes of memory of a key that is remembered. */
const KEY_BYTES = 200;
/** Of more than so many terminals to be folded again, a quarter is as much work as all. */
const FEW_TERMINALS = 64;

const nameOf = (rowKey: Uint8Array): string =>
  Buffer.from(rowKey.buffer, rowKey.byteOffset, rowKey.length).toString('latin1');

export class LiveHour {
  readonly terminals = new Map<TerminalId, FoldedTerminal>();
  readonly merged = new MergedTerminals();
  /** Terminals to be folded again with the next update. */
  readonly suspects = new Set<TerminalId>();
  /** Of the check. */
  pass = 0;
  /** Rows that arrived before it were to be seen by the last update, milliseconds since 1970. */
  seenThrough = Number.NEGATIVE_INFINITY;
  readonly #options: LiveHourOptions;
  /** What an update reads. */
  #log: HourLog;
  /** When the first reading of all rows began. */
  #begun: Instant | null = null;
  /** Up to where it has come. */
  #reached: Uint8Array | null = null;
  /** When the last update began; null: not all rows were read yet. */
  #looked: Instant | null = null;
  /** Keys of the rows that arrived since `seenThrough`. */
  #recent = new Set<string>();
  /** Bytes of `merged` that are counted. */
  #mergedBytes = 0;
  /** Terminals with rows whose figures are not finished. */
  readonly #touched = new Set<TerminalId>();

  constructor(options: LiveHourOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  get isEmpty(): boolean {
    return this.#begun === null;
  }

  /** @param seen all rows of the hour, if they were read just now */
  async update(seen: SeenHour | null = null): Promise<void> {
    const { now, clock, log } = this.#options;
    const at = seen?.at ?? { now: now(), clock: clock() };
    // Another update has seen more.
    if (this.#looked !== null && this.#looked.clock > at.clock) return;
    this.#log = seen?.log ?? log;
    const slices = new Slices();
    if (this.#looked === null) await this.#foldAll(at, slices);
    if (this.#looked !== at) await this.#foldNew(at, slices);
    for (const terminal of this.#touched) {
      if (this.terminals.get(terminal)?.fold.isOutdated) await this.#foldAgain(terminal, slices);
      if (this.terminals.has(terminal))
        await this.#orPark(this.terminals, terminal, (fold) => slices.run(fold.finish()));
    }
    this.#touched.clear();
    await this.#complete();
  }

  /** Merges what is wanted. */
  async #complete(): Promise<void> {
    const partOf = (terminal: TerminalId): PartialAggregate | null => {
      const folded = this.terminals.get(terminal);
      return folded === undefined || folded.parked !== null ? null : folded.fold.partial();
    };
    this.#countMerged();
    const onGrowth = (): void => {
      this.#countMerged();
      this.#options.checkRoom();
    };
    await new Slices().run(this.merged.complete(partOf, onGrowth));
  }

  #countMerged(): void {
    const { bytes } = this.merged;
    this.#options.onGrowth(bytes - this.#mergedBytes);
    this.#mergedBytes = bytes;
  }

  /** Forgets all. */
  clear(): void {
    for (const { bytes } of this.terminals.values()) this.#options.onGrowth(-bytes);
    this.terminals.clear();
    this.merged.clear();
    this.#countMerged();
    this.suspects.clear();
    this.#touched.clear();
    this.#remember(new Set());
    [this.#begun, this.#reached, this.#looked] = [null, null, null];
  }

  async #foldAll(at: Instant, slices: Slices): Promise<void> {
    const { merchant, hour, onGrowth } = this.#options;
    this.#begun ??= at;
    this.seenThrough = this.#begun.now - this.#options.marginMs;
    const start = this.#reached === null ? {} : { start: this.#reached };
    for await (const row of this.#log.scan(merchant, hour, hour + 1, start)) {
      await this.#fold(this.terminals, row, slices, true);
      if (row.arrival >= this.seenThrough) {
        this.#recent.add(nameOf(row.rowKey));
        onGrowth(KEY_BYTES);
      }
      // The row itself is at or below what was folded, so it is not folded again.
      this.#reached = Buffer.concat([row.rowKey, Buffer.of(0)]);
    }
    this.#looked = this.#begun;
  }

  async #foldNew(at: Instant, slices: Slices): Promise<void> {
    const { clock, merchant, hour } = this.#options;
    const since = this.#since(at);
    const recent = new Set<string>();
    const added: Uint8Array[] = [];
    const again = new Set(this.suspects);
    for (const [terminal, { parked }] of this.terminals)
      if (parked !== null && clock() >= parked.until) again.add(terminal);
    for await (const { key, rowKey } of this.#log.scan(merchant, hour, hour + 1, { keysOnly: true, since })) {
      await slices.pause();
      const name = nameOf(rowKey);
      recent.add(name);
      if (this.#recent.has(name)) continue;
      const folded = this.terminals.get(key.terminal);
      if (folded?.parked != null) continue;
      const lane = folded?.[key.kind];
      if (lane !== undefined && Buffer.compare(rowKey, lane.lastKey) <= 0) again.add(key.terminal);
      else added.push(rowKey);
    }
    if (again.size > Math.max(FEW_TERMINALS, this.terminals.size / 4)) {
      this.clear();
      return this.#foldAll(at, slices);
    }
    for (const terminal of again)
      await this.#foldAgain(terminal, slices, (row) => row.arrival >= since && recent.add(nameOf(row.rowKey)));
    for await (const row of this.#log.get(added))
      if (!again.has(row.key.terminal)) await this.#fold(this.terminals, row, slices, true);
    this.#remember(recent);
    this.seenThrough = since;
    this.#looked = at;
  }

  /**
   * By the store's clock, which is in step with this machine's. Where one was set meanwhile, rows
   * have times by the clock of before or by that of now.
   */
  #since(at: Instant): number {
    const last = this.#looked!;
    // Whole milliseconds, as cells have them: the monotonic clock shows parts of one.
    return Math.floor(Math.min(last.now, at.now - (at.clock - last.clock))) - this.#options.marginMs;
  }

  /** Replaces a terminal's fold only once the new one is complete. */
  async #foldAgain(terminal: TerminalId, slices: Slices, onRow: (row: RawRow) => void = () => {}): Promise<void> {
    const { merchant, hour, onGrowth } = this.#options;
    const anew = new Map<TerminalId, FoldedTerminal>();
    try {
      for await (const row of this.#log.scanTerminal(merchant, hour, terminal)) {
        await this.#fold(anew, row, slices, false);
        onRow(row);
      }
    } catch (error) {
      onGrowth(-(anew.get(terminal)?.bytes ?? 0));
      throw error;
    }
    onGrowth(-(this.terminals.get(terminal)?.bytes ?? 0));
    const folded = anew.get(terminal);
    if (folded === undefined) this.terminals.delete(terminal);
    else this.terminals.set(terminal, folded);
    this.merged.join(terminal);
    this.merged.drop(terminal);
    this.suspects.delete(terminal);
    this.#touched.add(terminal);
  }

  /** @param isCounted whether its events are counted at once, which is faster; else when settled */
  async #fold(
    terminals: Map<TerminalId, FoldedTerminal>,
    row: RawRow,
    slices: Slices,
    isCounted: boolean,
  ): Promise<void> {
    await slices.pause();
    const { terminal, kind, epoch, firstSeq, count } = row.key;
    const folded = terminals.get(terminal) ?? newTerminal(this.#options.logic, this.pass);
    terminals.set(terminal, folded);
    const isAnew = terminals !== this.terminals;
    if (!isAnew) this.merged.join(terminal);
    const read: FoldRow[] = [];
    const isFolded = await this.#orPark(terminals, terminal, async (fold) => {
      read.push(readRow(row));
      await slices.run(fold.add(read[0]!));
      if (isCounted) await slices.run(fold.settle());
    });
    if (!isFolded) return;
    const lane = folded[kind];
    const isAfter = lane.epoch !== epoch || firstSeq > lane.lastSeq;
    const lastSeq = firstSeq + count - 1;
    lane.rows++;
    // In memory of its own: the row's is a part of a whole page.
    lane.lastKey = new Uint8Array(row.rowKey);
    lane.lastSeq = lane.epoch === epoch ? Math.max(lane.lastSeq, lastSeq) : lastSeq;
    lane.epoch = epoch;
    if (!isAnew) {
      this.#touched.add(terminal);
      if (kind === 'events' && this.merged.holds(terminal)) await this.#merge(row, read[0]!, isAfter, slices);
    }
    this.#options.checkRoom();
  }

  /** @param isAfter whether the row claims no seq of an earlier one: it adds what it holds alone */
  async #merge({ key }: RawRow, row: FoldRow, isAfter: boolean, slices: Slices): Promise<void> {
    if (!isAfter) return this.merged.drop(key.terminal);
    const { figures, articles } = await slices.run(this.terminals.get(key.terminal)!.fold.finish());
    // What is published of a terminal that bounds cut is no sum of what its rows say.
    if (figures.folded.size > 0 || articles.folded.size > 0) return this.merged.drop(key.terminal);
    const alone = new PartialFold(this.#options.logic);
    await slices.run(alone.add(row));
    await slices.run(this.merged.add(key.terminal, await slices.run(alone.finish())));
  }

  /** @returns false when the terminal is parked, by this work or before */
  async #orPark(
    terminals: Map<TerminalId, FoldedTerminal>,
    terminal: TerminalId,
    work: (fold: PartialFold) => Promise<unknown>,
  ): Promise<boolean> {
    const { onGrowth, clock, logic } = this.#options;
    const folded = terminals.get(terminal)!;
    if (folded.parked !== null) return false;
    try {
      await work(folded.fold);
      const { bytes } = folded.fold;
      onGrowth(bytes - folded.bytes);
      folded.bytes = bytes;
      return true;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === null) throw error;
      onGrowth(-folded.bytes);
      terminals.set(terminal, newTerminal(logic, this.pass, { reason, until: clock() + RETRY_MS }));
      if (terminals === this.terminals) this.merged.drop(terminal);
      return false;
    }
  }

  #remember(keys: Set<string>): void {
    this.#options.onGrowth((keys.size - this.#recent.size) * KEY_BYTES);
    this.#recent = keys;
  }
}

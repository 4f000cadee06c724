/**
 * Recovers set-aside files into the fresh database, in slices between which events are accepted.
 *
 *     for each file, the newest first:  ledger -> pages -> strays -> imported
 *     then, once for all:               losses recorded -> done -> renamed or removed
 *
 * `ledger`: the loss records come first, as freed pages still hold events that are recorded as
 * lost. `pages`: the rows that pages list. `strays`: rows anywhere in pages, for what is not found
 * otherwise. The progress is saved in the transaction that imports the rows, so a recovery that is
 * killed at any moment goes on from there.
 */
import type { Database } from 'better-sqlite3';
import type { Epoch, TerminalId } from '../../../shared/ids.ts';
import { AdaptiveLimit } from '../capacity/adaptive-limit.ts';
import { finishSetAside, kindOf, pruneRecovered, setAsidePath } from '../disk/set-aside-files.ts';
import { checkpointPassive } from '../disk/wal-file.ts';
import type { HighWaterMark } from '../high-water/high-water-mark.ts';
import { NO_BYTES, type OpenByteSource, openByteSource } from '../sqlite-format/byte-source.ts';
import type { CarvedRow } from '../sqlite-format/carved-row.ts';
import { Carver } from '../sqlite-format/carver.ts';
import { Pages } from '../sqlite-format/pages.ts';
import { ExpiredRanges } from '../tables/expired-ranges.ts';
import type { LossLedger } from '../tables/loss-ledger.ts';
import type { ClockSegments } from '../timestamps/clock-segments.ts';
import type { TransactionRunner } from '../transaction/transaction-runner.ts';
import { IdAllocation } from './id-allocation.ts';
import { RowImport } from './import-rows.ts';
import {
  listSetAside,
  type RecoveryPhase,
  type RecoveryProgress,
  type SetAsideFile,
  saveProgress,
} from './progress.ts';
import { recordLosses } from './record-losses.ts';

/** Bounds of a slice, in time and in rows: with its commit it delays whoever sends an event. */
const SLICE_MS = 8;
const SLICE_ROWS = 500;
/**
 * Damaged files that are kept after recovery, for examination, while the disk has room for them.
 */
const KEPT = 2;

/** Phases that read all pages. */
const READING: readonly RecoveryProgress['phase'][] = ['ledger', 'pages', 'strays'];
const isReading = ({ phase }: RecoveryProgress): boolean => READING.includes(phase);

export interface FileRecoveryParts {
  readonly db: Database;
  /** Of the buffer's database. */
  readonly path: string;
  readonly terminal: TerminalId;
  readonly losses: LossLedger;
  readonly clocks: Pick<ClockSegments, 'addUnconfirmed'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
}

/** Runs each slice in a transaction. */
type Runner = Pick<TransactionRunner, 'run'>;

interface OpenFile {
  readonly aside: SetAsideFile;
  readonly pages: Pages;
  readonly carver: Carver;
  close(): void;
}

export class FileRecovery {
  readonly #with: FileRecoveryParts;
  readonly #left: SetAsideFile[];
  readonly #marks: ReadonlyMap<Epoch, HighWaterMark>;
  readonly #ids: IdAllocation;
  readonly #import: RowImport;
  #open: OpenFile | null = null;
  #share = 0;
  readonly #sliceRows = new AdaptiveLimit(SLICE_ROWS);

  constructor(parts: FileRecoveryParts) {
    const { db, now, losses, clocks, terminal } = parts;
    this.#with = parts;
    this.#left = listSetAside(db);
    this.#marks = merged(this.#left.flatMap(({ progress }) => progress.marks));
    this.#ids = new IdAllocation(db, [...this.#marks.values()]);
    this.#import = new RowImport({ db, terminal, ids: this.#ids, losses, clocks, marks: this.#marks, now });
    this.#import.isShipping = this.#left.some(({ progress }) => progress.isAhead);
  }

  /** Marks of epochs that are not accounted for yet: the side file has to keep them. */
  get marks(): ReadonlyMap<Epoch, HighWaterMark> {
    return this.isOver ? new Map() : this.#marks;
  }

  get isOver(): boolean {
    return this.#left.length === 0;
  }

  /** Whether an epoch got its ids since the last call. */
  tookEpoch(): boolean {
    const { tookEpoch } = this.#import;
    this.#import.tookEpoch = false;
    return tookEpoch;
  }

  /** Whether newer events may be shipped before recovery is done. */
  get isShipping(): boolean {
    return this.#import.isShipping;
  }

  /** Allows that from now on. Rejects, and does not allow it, when it cannot be saved. */
  async shipAhead(transactions: Runner): Promise<void> {
    const next = this.#left.map((aside) => ({ ...aside, progress: { ...aside.progress, isAhead: true } }));
    await transactions.run(() => {
      for (const aside of next) saveProgress(this.#with.db, aside, aside.progress);
    });
    this.#left.splice(0, next.length, ...next);
    this.#import.isShipping = true;
  }

  /**
   * From now on imports only unsettled events, in smaller slices: the disk has no room for more.
   */
  spareRoom(): void {
    this.#import.withoutAcked = true;
    this.#sliceRows.halve();
  }

  /** Describes the progress for support; null when there is nothing to do. */
  describe(): string | null {
    const [first] = this.#left;
    if (first === undefined) return null;
    const { name, why, progress } = first;
    const part = isReading(progress) ? `, ${Math.floor(this.#share * 100)} %` : '';
    return `recovering ${name} (${why})${part}`;
  }

  /**
   * Runs a slice.
   *
   * @returns whether there is more. Rejects on a fault of the disk; then nothing of it was imported
   */
  async step(transactions: Runner): Promise<boolean> {
    const at = this.#left.findIndex(({ progress }) => isReading(progress));
    if (at >= 0) {
      await this.#takePages(at, transactions);
      return true;
    }
    if (this.#left.length > 0) await this.#finish(transactions);
    return false;
  }

  async #run(transactions: Runner, work: () => void): Promise<void> {
    try {
      await transactions.run(work);
      this.#ids.committed();
    } catch (error) {
      this.#ids.rolledBack();
      throw error;
    }
  }

  close(): void {
    this.#open?.close();
    this.#open = null;
  }

  async #takePages(at: number, transactions: Runner): Promise<void> {
    const { elapsed, db } = this.#with;
    const aside = this.#left[at]!;
    const { pages, carver } = this.#opened(aside);
    const { phase } = aside.progress;
    const until = elapsed() + SLICE_MS;
    const rows: CarvedRow[] = [];
    let { index, damaged } = aside.progress;
    while (index < pages.count && rows.length < this.#sliceRows.now && elapsed() < until) {
      const position = pages.at(index++);
      if (phase === 'strays') rows.push(...carver.strays(position));
      else {
        const carved = carver.page(position);
        rows.push(...(phase === 'pages' ? carved.rows : carved.rows.filter(({ kind }) => kind === 'loss')));
        damaged ||= carved.damaged;
      }
    }
    const isWhole = kindOf(aside.name) === 'migrating' && !damaged;
    const isThrough = index >= pages.count;
    const progress: RecoveryProgress = {
      ...aside.progress,
      damaged,
      phase: isThrough ? phaseAfter(phase, isWhole) : phase,
      index: isThrough ? 0 : index,
    };
    await this.#run(transactions, () => {
      this.#import.take(rows);
      saveProgress(db, aside, progress);
    });
    this.#sliceRows.grow();
    this.#left[at] = { ...aside, progress };
    this.#share = (READING.indexOf(phase) + index / Math.max(1, pages.count)) / READING.length;
    if (progress.phase === 'imported') this.close();
  }

  async #finish(transactions: Runner): Promise<void> {
    const { db, path, losses, now } = this.#with;
    if (this.#left.some(({ progress }) => progress.phase !== 'done')) {
      const [first] = this.#left;
      const accounts = recordLosses({
        db,
        ids: this.#ids,
        losses,
        expired: new ExpiredRanges(db),
        marks: this.#marks,
        gapsExpired: this.#left.every(({ name, progress }) => kindOf(name) === 'migrating' && !progress.damaged),
        detail: `cannot be read in ${first!.name} (${first!.why})`,
        now,
      });
      for (const slice of accounts) await this.#run(transactions, slice);
      await this.#run(transactions, () => {
        for (const aside of this.#left) saveProgress(db, aside, { ...aside.progress, phase: 'done' });
      });
    }
    // The files are not read again, so the recovered rows have to be in the database, and not only
    // in a WAL that may be lost: as far as no reader needs it and the disk has room. Right after a
    // commit no transaction is open.
    await this.#run(transactions, () => {});
    checkpointPassive(db);
    for (const { name } of this.#left) finishSetAside(path, name);
    pruneRecovered(path, KEPT);
    await this.#run(transactions, () => {
      for (const { ordinal } of this.#left) db.prepare('DELETE FROM aside WHERE ordinal = ?').run(ordinal);
    });
    this.#left.length = 0;
  }

  #opened(aside: SetAsideFile): OpenFile {
    if (this.#open?.aside.ordinal === aside.ordinal) return this.#open;
    this.close();
    const file = setAsidePath(this.#with.path, aside.name);
    const sources: (OpenByteSource | null)[] = [openByteSource(file), openByteSource(`${file}-wal`)];
    const pages = new Pages(sources[0] ?? NO_BYTES, sources[1] ?? NO_BYTES);
    this.#open = {
      aside,
      pages,
      carver: new Carver(pages),
      close: () => {
        for (const source of sources) source?.close();
      },
    };
    return this.#open;
  }
}

/** @param isWhole whether pages list every row: an undamaged file of an older schema */
function phaseAfter(phase: RecoveryPhase, isWhole: boolean): RecoveryPhase {
  if (phase === 'ledger') return 'pages';
  return phase === 'pages' && !isWhole ? 'strays' : 'imported';
}

/**
 * Merges marks by epoch: the highest seqs, and the newest of the other fields.
 *
 * @param marks the newest first
 */
function merged(marks: readonly HighWaterMark[]): Map<Epoch, HighWaterMark> {
  const all = new Map<Epoch, HighWaterMark>();
  for (const mark of marks) {
    const before = all.get(mark.epoch);
    if (before === undefined) all.set(mark.epoch, mark);
    else {
      all.set(mark.epoch, {
        ...before,
        lastSeq: Math.max(before.lastSeq, mark.lastSeq),
        settledThrough: Math.max(before.settledThrough, mark.settledThrough),
      });
    }
  }
  return all;
}

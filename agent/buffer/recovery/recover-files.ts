/**
 * Brings what was set aside over into the fresh database, in slices between which events are accepted.
 *
 *     for each file, the newest first:  ledger -> pages -> strays -> imported     then, once for all:  accounts -> done -> put away
 *
 * `ledger`: the loss records, as pages that were freed still hold events which were given up. `pages`: the rows that pages say they hold.
 * `strays`: rows that lie anywhere in pages, whatever those say of themselves, for what is not found otherwise. How far it is changes with
 * what was taken, in one transaction, so a salvage that is killed at any moment goes on from there.
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
import { listSetAside, type RecoveryProgress, type SetAsideFile, saveProgress } from './progress.ts';
import { recordLosses } from './record-losses.ts';

/** How long a slice may read, and how much it may take: with its commit, that holds up who sends an event. */
const SLICE_MS = 8;
const SLICE_FINDINGS = 500;
/** Damaged files that stay when they were brought over, for somebody to look at, while the disk has room for them. */
const KEPT = 2;

/** Phases that go through all pages. */
const READING: readonly RecoveryProgress['phase'][] = ['ledger', 'pages', 'strays'];
const isReading = ({ phase }: RecoveryProgress): boolean => READING.includes(phase);

export interface FileRecoveryParts {
  readonly db: Database;
  /** Of the buffer. */
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

interface OpenAside {
  readonly aside: SetAsideFile;
  readonly pages: Pages;
  readonly carver: Carver;
  close(): void;
}

export class FileRecovery {
  readonly #with: FileRecoveryParts;
  readonly #left: SetAsideFile[];
  readonly #marks: ReadonlyMap<Epoch, HighWaterMark>;
  readonly #places: IdAllocation;
  readonly #import: RowImport;
  #open: OpenAside | null = null;
  #share = 0;
  readonly #findings = new AdaptiveLimit(SLICE_FINDINGS);

  constructor(parts: FileRecoveryParts) {
    const { db, now, losses, clocks, terminal } = parts;
    this.#with = parts;
    this.#left = listSetAside(db);
    this.#marks = merged(this.#left.flatMap(({ progress }) => progress.marks));
    this.#places = new IdAllocation(db, [...this.#marks.values()]);
    this.#import = new RowImport({ db, terminal, places: this.#places, losses, clocks, marks: this.#marks, now });
    this.#import.isShipping = this.#left.some(({ progress }) => progress.isAhead);
  }

  /** Marks of epochs that are not accounted for yet: the side file is to keep them. */
  get marks(): ReadonlyMap<Epoch, HighWaterMark> {
    return this.isOver ? new Map() : this.#marks;
  }

  get isOver(): boolean {
    return this.#left.length === 0;
  }

  /** Whether an epoch got its place since this was asked last. */
  tookEpoch(): boolean {
    const { placed } = this.#import;
    this.#import.placed = false;
    return placed;
  }

  /** Whether what was accepted since may be shipped before all is here. */
  get isShipping(): boolean {
    return this.#import.isShipping;
  }

  /** From now on that may be shipped. Rejects where there is no room to remember it; then it may not. */
  async shipAhead(transactions: Runner): Promise<void> {
    const next = this.#left.map((aside) => ({ ...aside, progress: { ...aside.progress, isAhead: true } }));
    await transactions.run(() => {
      for (const aside of next) saveProgress(this.#with.db, aside, aside.progress);
    });
    this.#left.splice(0, next.length, ...next);
    this.#import.isShipping = true;
  }

  /** From now on only what is not settled is taken, and less of it at once: there is no room for more. */
  spareRoom(): void {
    this.#import.withoutAcked = true;
    this.#findings.halve();
  }

  /** How it stands, for people; null when there is nothing to do. */
  describe(): string | null {
    const [first] = this.#left;
    if (first === undefined) return null;
    const { name, why, progress } = first;
    const part = isReading(progress) ? `, ${Math.floor(this.#share * 100)} %` : '';
    return `bringing over ${name} (${why})${part}`;
  }

  /** A slice. @returns whether there is more. Rejects on a fault of the disk; then nothing of the slice was taken */
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
      this.#places.committed();
    } catch (error) {
      this.#places.rolledBack();
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
    const findings: CarvedRow[] = [];
    let { index, damaged } = aside.progress;
    while (index < pages.count && findings.length < this.#findings.now && elapsed() < until) {
      const place = pages.at(index++);
      if (phase === 'strays') findings.push(...carver.strays(place));
      else {
        const carved = carver.page(place);
        findings.push(...(phase === 'pages' ? carved.findings : carved.findings.filter(({ kind }) => kind === 'loss')));
        damaged ||= carved.damaged;
      }
    }
    const isWhole = kindOf(aside.name) === 'migrating' && !damaged;
    const next = {
      ledger: 'pages',
      pages: isWhole ? 'imported' : 'strays',
      strays: 'imported',
      imported: 'imported',
      done: 'done',
    } as const;
    const isThrough = index >= pages.count;
    const progress: RecoveryProgress = {
      ...aside.progress,
      damaged,
      phase: isThrough ? next[phase] : phase,
      index: isThrough ? 0 : index,
    };
    await this.#run(transactions, () => {
      this.#import.take(findings);
      saveProgress(db, aside, progress);
    });
    this.#findings.grow();
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
        places: this.#places,
        losses,
        gone: new ExpiredRanges(db),
        marks: this.#marks,
        gapsExpired: this.#left.every(({ name, progress }) => kindOf(name) === 'migrating' && !progress.damaged),
        detail: `not to be read in ${first!.name} (${first!.why})`,
        now,
      });
      for (const slice of accounts) await this.#run(transactions, slice);
      await this.#run(transactions, () => {
        for (const aside of this.#left) saveProgress(db, aside, { ...aside.progress, phase: 'done' });
      });
    }
    // What is put away is read no more: as far as nobody reads the log and the disk has room, a lost one takes nothing with it that was brought
    // over. Right after a commit no transaction is open.
    await this.#run(transactions, () => {});
    checkpointPassive(db);
    for (const { name } of this.#left) finishSetAside(path, name);
    pruneRecovered(path, KEPT);
    await this.#run(transactions, () => {
      for (const { ordinal } of this.#left) db.prepare('DELETE FROM aside WHERE ordinal = ?').run(ordinal);
    });
    this.#left.length = 0;
  }

  #opened(aside: SetAsideFile): OpenAside {
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

/** Of each epoch the highest that is known, and what was last known of the rest. @param marks the newest first */
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

/**
 * The hard byte budget: database file, write-ahead log and ballast together stay under `maxBytes`, and what is accepted leaves `minFreeBytes`
 * to the file system.
 *
 * What is stored is written twice, first to the log, then to the database, and both count. Evicting makes room in the database, whose file
 * never shrinks; the log begins anew once it was copied, unless somebody reads what it holds: then it may only grow as far as it fits, and
 * what does not is refused. Before a transaction `look` sees how things are; within it, estimates of what it writes count on top.
 */
import assert from 'node:assert/strict';
import { statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Database, Statement } from 'better-sqlite3';
import { BALLAST_BYTES, ballastBytes, ensureBallast, releaseBallast } from '../disk/ballast-file.ts';
import { pruneRecovered } from '../disk/set-aside-files.ts';
import { WalFile, walBytes } from '../disk/wal-file.ts';
import type { ChangeSet } from '../transaction/changeset.ts';
import type { Eviction } from './eviction.ts';

/** Log frames have headers, and a commit rewrites pages that it touches in part. */
const LOG_FACTOR = 1.25;
/** Pages that a commit touches whatever its size: index leaves, counters. */
const LOG_FIXED_BYTES = 64 * 1024;
const FILE_FACTOR = 1.25;
const FILE_FIXED_BYTES = 16 * 1024;
/** Of the log, taken in advance: on a full disk a transaction has what is there. SQLite keeps as much of it at least (`checkpointPages`). */
const LOG_KEPT_BYTES = 1024 * 1024;
/** What an evicted row leaves in the log: its share of the pages that keep something. */
const LOG_EVICTED_BYTES = 64;
/** Pages that accepting leaves to what must always be possible: acknowledgements and the ledger grow indexes. */
const MARGIN_BYTES = 256 * 1024;
const HELD_MS = 2_000;
/** After a write that found the disk full, nothing tries to grow for so long. */
const FULL_MS = 5_000;
const PAGE_BYTES = 4096;
const MIB = 1024 * 1024;
/** The copy that is made for it lies in memory. */
const SHRUNK_BYTES = 16 * MIB;
/** Others can fill so much while nobody looks. */
const LOW_BYTES = 256 * MIB;

export interface BudgetLimits {
  readonly maxBytes: number;
  readonly minFreeBytes: number;
}

export interface Usage {
  /** In use in the database file. */
  readonly used: number;
  /** Size of the database file. */
  readonly file: number;
  readonly wal: number;
}

const within = (least: number, value: number, most: number): number => Math.min(most, Math.max(least, value));

/** Pages in the log at which it is copied into the database. */
export const checkpointPages = (maxBytes: number): number =>
  Math.floor(within(MIB, maxBytes / 16, 4 * MIB) / PAGE_BYTES);

/** What the database file leaves to the log: twice what waits for a checkpoint, and a transaction that settles some thousand events. */
const logReserve = (maxBytes: number): number => within(2 * MIB, maxBytes / 8, 16 * MIB);

/** The lesser of 64 MiB and 5 % of the file system that the file lies in. */
export function defaultMinFreeBytes(path: string): number {
  const { blocks, bsize } = statfsSync(dirname(resolve(path)));
  return Math.min(64 * MIB, Math.floor(blocks * bsize * 0.05));
}

/** What the file system that the file lies in has left for us. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(resolve(path)));
  return bavail * bsize;
}

export function usageOf(db: Database, path: string): Usage {
  const page = db.pragma('page_size', { simple: true }) as number;
  const pages = db.pragma('page_count', { simple: true }) as number;
  const free = db.pragma('freelist_count', { simple: true }) as number;
  return { used: (pages - free) * page, file: pages * page, wal: walBytes(path) };
}

/** What a transaction has stored and evicted so far. */
export interface Spent {
  /** Bytes of the requests stored. */
  readonly bytes: number;
  /** Rows evicted. */
  readonly evicted: number;
}

const NOTHING: Spent = { bytes: 0, evicted: 0 };

const inAll = (bytes: number, { bytes: before, evicted }: Spent): Spent => ({ bytes: before + bytes, evicted });

const logGrowth = (bytes: number, evicted: number): number =>
  bytes * LOG_FACTOR + LOG_FIXED_BYTES + evicted * LOG_EVICTED_BYTES;

/** What storing so many bytes takes of the file at most: pages are not filled whole, and indexes grow by some. */
const fileGrowth = (bytes: number): number => (bytes === 0 ? 0 : bytes * FILE_FACTOR + FILE_FIXED_BYTES);

export class DiskBudget {
  readonly #path: string;
  readonly #limits: BudgetLimits;
  /** Bytes that the file system has left. */
  readonly #diskFree: () => number;
  readonly #pageCount: Statement<[], number>;
  readonly #freePages: Statement<[], number>;
  readonly #log: WalFile;
  /** Of the database when it was last looked at, with what the log holds of it. */
  #pages = 0;
  /** Of its file then. */
  #onDisk = 0;
  #free = 0;
  #ballast = 0;
  #lacking: 'room' | 'log' | 'disk' = 'room';
  /** Whether the log could not begin anew when it was last asked to. */
  #logHeld = false;
  /** Until then it is not asked again: asking waits for who reads. Monotonic milliseconds. */
  #heldUntil = 0;
  /** Until then nothing may grow: the disk said so, whatever the file system claims to have left. Monotonic milliseconds. */
  #fullUntil = 0;
  /** What it claimed then: with a good deal more nothing of that holds. */
  #fullAt = 0;

  /** @param path of the database, absolute */
  constructor(db: Database, path: string, limits: BudgetLimits, diskFree: () => number) {
    this.#path = path;
    this.#limits = limits;
    this.#diskFree = diskFree;
    this.#pageCount = db.prepare<[], number>('PRAGMA page_count').pluck();
    this.#freePages = db.prepare<[], number>('PRAGMA freelist_count').pluck();
    this.#log = new WalFile(db, path);
    assert.equal(db.pragma('page_size', { simple: true }), PAGE_BYTES);
    this.#shrink(db);
    // The last guard, should the estimates here ever be wrong: SQLite itself refuses to grow the file beyond. Under a budget that was lowered
    // below the file, acknowledgements still need their margin.
    const most = this.#pages <= this.#maxFile ? this.#maxFile : this.#pages + MARGIN_BYTES;
    db.pragma(`max_page_count = ${Math.floor(most / PAGE_BYTES)}`);
  }

  /**
   * Before a transaction that stores so many bytes: looks at the files, and makes room where there is none: by what is kept of damaged files,
   * and by letting the log begin anew.
   *
   * @throws on a fault of the disk
   */
  refresh(bytes: number): void {
    this.#see();
    if (this.#fitsLog(bytes, NOTHING) && this.#hasSpace(bytes)) return;
    if (performance.now() >= this.#heldUntil) {
      this.#beginAnew(false);
      // A log that grew while somebody read it gives its space back.
      if (!this.#logHeld && !this.#fitsLog(bytes, NOTHING)) this.#beginAnew(true);
    }
    // What is kept of damaged files costs no sale.
    if (!this.#hasSpace(bytes) && pruneRecovered(this.#path, 0)) this.#see();
  }

  /** Whether the log can take so much, also where the budget was lowered under a file that is larger: that has to drain. */
  walHasRoom(bytes: number): boolean {
    const log = this.#log.sizeAfter(logGrowth(bytes, 0));
    const can = this.#fitsLog(bytes, NOTHING) || log <= logReserve(this.#limits.maxBytes);
    if (!can) this.#lacking = 'log';
    return can;
  }

  /**
   * Whether writing so much leaves the disk some space. What a transaction takes for the log and then rolls back stays the log's, and without
   * any for the file of the database the log cannot be copied.
   */
  leavesSpace(bytes: number): boolean {
    const growth = this.#log.sizeAfter(logGrowth(bytes, 0)) - this.#log.size;
    return growth <= 0 || this.#free - growth >= BALLAST_BYTES;
  }

  /** What a row takes on average, about. */
  rowBytes(rows: number): number {
    const pages = this.#pageCount.get()! - this.#freePages.get()!;
    return Math.min(PAGE_BYTES, Math.ceil((pages * PAGE_BYTES) / Math.max(1, rows)));
  }

  /**
   * Within a transaction: whether `bytes` more can be stored, if need be after evicting.
   *
   * @param changes of the transaction, which grow with what is evicted
   * @param rows in the buffer
   */
  makeRoom(bytes: number, changes: ChangeSet, rows: number, eviction: Pick<Eviction, 'some'>): boolean {
    while (!this.#fits(bytes, changes)) {
      this.#lacking = !this.#fitsLog(bytes, changes) ? 'log' : this.#fitsFile(bytes) ? 'disk' : 'room';
      // Evicting makes room in the file of the database only.
      if (this.#lacking === 'log' || !this.#fitsDisk(0, inAll(bytes, changes))) return false;
      // About what is needed, not more: what is evicted takes room in the log.
      const lacking = fileGrowth(bytes) - this.#freePages.get()! * PAGE_BYTES;
      if (eviction.some(Math.max(1, Math.ceil(lacking / this.rowBytes(rows))), changes) === 0) return false;
    }
    return true;
  }

  /** Which limit was hit last, in words. */
  describe(): string {
    const { maxBytes, minFreeBytes } = this.#limits;
    if (this.#isFull) return 'the disk has no space left';
    switch (this.#lacking) {
      case 'disk':
        return `the disk is full: it has ${this.#free} bytes left, and ${minFreeBytes} are to stay free (buffer.minFreeBytes)`;
      case 'log':
        return this.#logHeld
          ? 'somebody reads the buffer for long, so its log cannot be copied and has no room left'
          : `so much at once does not fit into what is left of the ${maxBytes} bytes of the buffer (buffer.maxBytes)`;
      case 'room':
        return `the ${maxBytes} bytes of the buffer (buffer.maxBytes) are full of events that the collector has not acknowledged`;
    }
  }

  /** The disk is full in spite of what it said: for a while only what is there already is used. */
  markDiskFull(): void {
    this.#fullUntil = performance.now() + FULL_MS;
    this.#fullAt = this.#diskFree();
  }

  /** Gives up the ballast and what is kept of damaged files, and lets the log begin anew. @throws on a fault of the disk */
  releaseReserve(): void {
    pruneRecovered(this.#path, 0);
    releaseBallast(this.#path);
    this.#beginAnew(false);
  }

  /**
   * Where the disk may soon be full, takes the space that the database has grown by from the file system at once, not only when the log is
   * due to be copied: a log that cannot be copied cannot begin anew, and then nothing can be written.
   *
   * @throws on a fault of the disk
   */
  checkpointIfLow(): void {
    this.#see();
    if (this.#pages > this.#onDisk && this.#free - this.#limits.minFreeBytes < LOW_BYTES) this.#log.checkpoint();
  }

  /** Has the ballast there, and room in the log, as far as the disk has space for them. @throws on a fault of the disk */
  ensureReserve(): void {
    this.#see();
    const hasRoomFor = (lacking: number): boolean => lacking > 0 && this.#free - lacking >= this.#limits.minFreeBytes;
    if (hasRoomFor(BALLAST_BYTES - this.#ballast)) ensureBallast(this.#path);
    this.#free = this.#diskFree();
    if (hasRoomFor(LOG_KEPT_BYTES - this.#log.size)) this.#log.reserve(LOG_KEPT_BYTES);
    this.#see();
  }

  get #maxFile(): number {
    return this.#limits.maxBytes - logReserve(this.#limits.maxBytes) - BALLAST_BYTES;
  }

  /** A budget that was lowered under the file would refuse everything for ever: once little is left in the file, it is written anew. */
  #shrink(db: Database): void {
    this.#see();
    const used = this.#pages - this.#freePages.get()! * PAGE_BYTES;
    const fits =
      used <= Math.min(SHRUNK_BYTES, this.#maxFile / 2) && this.#free - 2 * used >= this.#limits.minFreeBytes;
    if (this.#pages <= this.#maxFile || !fits) return;
    db.exec('VACUUM');
    this.#beginAnew(true);
  }

  #see(): void {
    this.#pages = this.#pageCount.get()! * PAGE_BYTES;
    this.#onDisk = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    this.#free = this.#diskFree();
    this.#ballast = ballastBytes(this.#path);
    this.#log.refresh();
  }

  #beginAnew(shrink: boolean): void {
    let outcome = this.#log.restart(shrink);
    if (outcome === 'full' && releaseBallast(this.#path)) outcome = this.#log.restart(shrink);
    this.#logHeld = outcome === 'held';
    this.#heldUntil = this.#logHeld ? performance.now() + HELD_MS : 0;
    this.#see();
  }

  #fits(bytes: number, spent: Spent): boolean {
    return this.#fitsFile(bytes) && this.#fitsLog(bytes, spent) && this.#fitsDisk(bytes, spent);
  }

  #fitsFile(bytes: number): boolean {
    const pages = this.#pageCount.get()! * PAGE_BYTES;
    return bytes === 0 || this.#fileAfter(bytes) <= Math.max(this.#maxFile - MARGIN_BYTES, pages);
  }

  /** Of the database, with what the transaction did to it so far. */
  #fileAfter(bytes: number): number {
    return this.#pageCount.get()! * PAGE_BYTES + Math.max(0, bytes - this.#freePages.get()! * PAGE_BYTES);
  }

  #fitsLog(bytes: number, { bytes: before, evicted }: Spent): boolean {
    const log = this.#log.sizeAfter(logGrowth(before + bytes, evicted));
    const file = Math.max(this.#pages, this.#pageCount.get()! * PAGE_BYTES);
    return file + log + BALLAST_BYTES <= this.#limits.maxBytes;
  }

  #fitsDisk(bytes: number, { bytes: before, evicted }: Spent): boolean {
    const log = this.#log.sizeAfter(logGrowth(before + bytes, evicted)) - this.#log.size;
    // A page more than the disk has room for, and the log could not be copied any more.
    const growth = this.#fileAfter(fileGrowth(bytes)) - this.#onDisk + log;
    if (growth <= 0) return true;
    return !this.#isFull && this.#free - growth >= this.#limits.minFreeBytes;
  }

  #hasSpace(bytes: number): boolean {
    return bytes === 0 || this.#fitsDisk(bytes, NOTHING);
  }

  get #isFull(): boolean {
    return performance.now() < this.#fullUntil && this.#free < this.#fullAt + MIB;
  }
}

/**
 * The byte budget of the buffer: database file, WAL and ballast together stay under `maxBytes`, and
 * what is accepted leaves `minFreeBytes` to the file system.
 *
 * Stored events are written twice, to the WAL and then to the database, and both count. Evicting
 * frees pages of the database, whose file never shrinks. The WAL is overwritten from its start once
 * it was copied, unless a reader holds it: then it only grows as far as it fits, and the rest is
 * refused. `refresh` measures before a transaction; within it, estimates of what it writes are
 * added.
 */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import type { Database, Statement } from 'better-sqlite3';
import { BALLAST_BYTES, ballastBytes, ensureBallast, releaseBallast } from '../disk/ballast-file.ts';
import { pruneRecovered } from '../disk/set-aside-files.ts';
import { WalFile } from '../disk/wal-file.ts';
import type { ChangeSet } from '../transaction/changeset.ts';
import type { Eviction } from './eviction.ts';
import { fileGrowth, NOTHING, PAGE_BYTES, type Spent, walGrowth, walReserve } from './growth-estimate.ts';

const MIB = 1024 * 1024;
/**
 * Preallocated for the WAL: on a full disk a transaction can use no more. SQLite keeps at least as
 * much (`checkpointPages`).
 */
const WAL_KEPT_BYTES = MIB;
/**
 * Left by accepting to acks and the loss ledger, which grow indexes and must always be possible.
 */
const MARGIN_BYTES = 256 * 1024;
/** How long a reader may hold the WAL before a restart is tried again. */
const HELD_MS = 2_000;
/** After a write that found the disk full, nothing tries to grow for so long. */
const FULL_MS = 5_000;
/** Size up to which a file is rewritten to shrink it: the copy is held in memory. */
const SHRUNK_BYTES = 16 * MIB;
/** Other programs may fill so much between two measurements. */
const LOW_BYTES = 256 * MIB;

export interface BudgetLimits {
  readonly maxBytes: number;
  readonly minFreeBytes: number;
}

export class DiskBudget {
  readonly #path: string;
  readonly #limits: BudgetLimits;
  /** Bytes that the file system has left. */
  readonly #diskFree: () => number;
  readonly #pageCount: Statement<[], number>;
  readonly #freePages: Statement<[], number>;
  readonly #wal: WalFile;
  /** Size of the database with what the WAL holds of it, as of the last `#measure`: bytes. */
  #pages = 0;
  /** The same, and its free pages, as the open transaction left them: bytes. */
  #pagesNow = 0;
  #freePagesNow = 0;
  /**
   * Size of the database file, and what the file system has left, as of the last `#measure`: bytes.
   */
  #onDisk = 0;
  #free = 0;
  #lacking: 'room' | 'log' | 'disk' = 'room';
  /** Whether a reader kept the WAL from being reused the last time. */
  #isWalHeld = false;
  /** Until then that is not tried again, as a try waits for the reader. Monotonic milliseconds. */
  #heldUntil = 0;
  /**
   * Until then no file may grow: a write found the disk full, whatever the file system reports.
   * Monotonic milliseconds.
   */
  #fullUntil = 0;
  /** What it reported then: once it reports a good deal more, files may grow again. */
  #fullAt = 0;

  /** @param path of the database, absolute */
  constructor(db: Database, path: string, limits: BudgetLimits, diskFree: () => number) {
    this.#path = path;
    this.#limits = limits;
    this.#diskFree = diskFree;
    this.#pageCount = db.prepare<[], number>('PRAGMA page_count').pluck();
    this.#freePages = db.prepare<[], number>('PRAGMA freelist_count').pluck();
    this.#wal = new WalFile(db, path);
    assert.equal(db.pragma('page_size', { simple: true }), PAGE_BYTES);
    this.#shrink(db);
    // The last guard, should the estimates be wrong: SQLite itself refuses to grow the file beyond
    // this. Where the budget was lowered below the size of the file, acks still need their margin.
    const most = this.#pages <= this.#maxFile ? this.#maxFile : this.#pages + MARGIN_BYTES;
    db.pragma(`max_page_count = ${Math.floor(most / PAGE_BYTES)}`);
  }

  /**
   * Before a transaction that stores so many bytes: measures the files. Where room is short,
   * restarts the WAL and deletes set-aside files that are recovered.
   *
   * @throws on a fault of the disk
   */
  refresh(bytes: number): void {
    this.#measure();
    if (this.#fitsWal(bytes, NOTHING) && this.#hasSpace(bytes)) return;
    if (performance.now() >= this.#heldUntil) {
      this.#restartWal(false);
      // A WAL that grew while a reader held it gives its space back.
      if (!this.#isWalHeld && !this.#fitsWal(bytes, NOTHING)) this.#restartWal(true);
    }
    // No sale is refused for files that are kept for inspection only.
    if (!this.#hasSpace(bytes) && pruneRecovered(this.#path, 0)) this.#measure();
  }

  /**
   * Within a transaction: whether the WAL can take so much. Also true within the reserve of a
   * budget that was lowered below the size of the file, as that file has to drain.
   */
  walHasRoom(bytes: number): boolean {
    this.#countPages();
    const wal = this.#wal.sizeAfter(walGrowth({ bytes, evicted: 0 }));
    const can = this.#fitsWal(bytes, NOTHING) || wal <= walReserve(this.#limits.maxBytes);
    if (!can) this.#lacking = 'log';
    return can;
  }

  /**
   * Whether writing so much leaves the disk some space. The WAL keeps what a rolled back
   * transaction took, and without space for the database file it cannot be checkpointed.
   */
  leavesSpace(bytes: number): boolean {
    const growth = this.#wal.sizeAfter(walGrowth({ bytes, evicted: 0 })) - this.#wal.size;
    return growth <= 0 || this.#free - growth >= BALLAST_BYTES;
  }

  /** Average bytes of a row. */
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
    for (;;) {
      this.#countPages();
      if (this.#fitsFile(bytes) && this.#fitsWal(bytes, changes) && this.#fitsDisk(bytes, changes)) return true;
      this.#lacking = !this.#fitsWal(bytes, changes) ? 'log' : this.#fitsFile(bytes) ? 'disk' : 'room';
      // Evicting frees pages of the database file only.
      if (this.#lacking === 'log' || !this.#fitsDisk(0, { bytes: changes.bytes + bytes, evicted: changes.evicted }))
        return false;
      // No more than needed: an eviction itself grows the WAL.
      const lacking = fileGrowth(bytes) - this.#freePagesNow;
      if (eviction.some(Math.max(1, Math.ceil(lacking / this.rowBytes(rows))), changes) === 0) return false;
    }
  }

  /** Explains which limit was hit last. */
  describe(): string {
    const { maxBytes, minFreeBytes } = this.#limits;
    if (this.#isFull) return 'the disk has no space left';
    switch (this.#lacking) {
      case 'disk':
        return `the disk is full: it has ${this.#free} bytes left, and ${minFreeBytes} are to stay free (buffer.minFreeBytes)`;
      case 'log':
        return this.#isWalHeld
          ? 'a process keeps reading the buffer, so its WAL cannot be checkpointed and has no room left'
          : `so much at once does not fit into what is left of the ${maxBytes} bytes of the buffer (buffer.maxBytes)`;
      case 'room':
        return `the ${maxBytes} bytes of the buffer (buffer.maxBytes) are full of events that the collector has not acknowledged`;
    }
  }

  /** A write found the disk full, whatever it reported: for a while no file may grow. */
  markDiskFull(): void {
    this.#fullUntil = performance.now() + FULL_MS;
    this.#fullAt = this.#diskFree();
  }

  /**
   * Frees the ballast and recovered set-aside files, and restarts the WAL.
   * @throws on a fault of the disk
   */
  releaseReserve(): void {
    pruneRecovered(this.#path, 0);
    releaseBallast(this.#path);
    this.#restartWal(false);
  }

  /**
   * After a commit: where the disk may soon be full, checkpoints at once, so that the database file
   * takes the space that it has grown by. A WAL that cannot be checkpointed later could never be
   * reused.
   *
   * @throws on a fault of the disk
   */
  checkpointIfLow(): void {
    // As measured before the commit: the usual case costs no system call.
    if (this.#free - this.#limits.minFreeBytes >= 2 * LOW_BYTES) return;
    this.#measure();
    if (this.#pages > this.#onDisk && this.#free - this.#limits.minFreeBytes < LOW_BYTES) this.#wal.checkpoint();
  }

  /**
   * Creates the ballast and preallocates the WAL, as far as the disk has space for them.
   * @throws on a fault of the disk
   */
  ensureReserve(): void {
    this.#measure();
    const hasRoomFor = (lacking: number): boolean => lacking > 0 && this.#free - lacking >= this.#limits.minFreeBytes;
    if (hasRoomFor(BALLAST_BYTES - ballastBytes(this.#path))) ensureBallast(this.#path);
    this.#free = this.#diskFree();
    if (hasRoomFor(WAL_KEPT_BYTES - this.#wal.size)) this.#wal.reserve(WAL_KEPT_BYTES);
    this.#measure();
  }

  get #maxFile(): number {
    return this.#limits.maxBytes - walReserve(this.#limits.maxBytes) - BALLAST_BYTES;
  }

  /**
   * A budget below the size of the file would refuse everything for ever: once the file holds
   * little, it is rewritten.
   */
  #shrink(db: Database): void {
    this.#measure();
    const used = this.#pages - this.#freePages.get()! * PAGE_BYTES;
    const fits =
      used <= Math.min(SHRUNK_BYTES, this.#maxFile / 2) && this.#free - 2 * used >= this.#limits.minFreeBytes;
    if (this.#pages <= this.#maxFile || !fits) return;
    db.exec('VACUUM');
    this.#restartWal(true);
  }

  #measure(): void {
    this.#pages = this.#pageCount.get()! * PAGE_BYTES;
    this.#pagesNow = this.#pages;
    // Counted only where it matters: each count outside of a transaction locks the file.
    this.#freePagesNow = 0;
    this.#onDisk = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    this.#free = this.#diskFree();
    this.#wal.refresh();
  }

  #countPages(): void {
    this.#pagesNow = this.#pageCount.get()! * PAGE_BYTES;
    this.#freePagesNow = this.#freePages.get()! * PAGE_BYTES;
  }

  #restartWal(shrink: boolean): void {
    let outcome = this.#wal.restart(shrink);
    if (outcome === 'full' && releaseBallast(this.#path)) outcome = this.#wal.restart(shrink);
    this.#isWalHeld = outcome === 'held';
    this.#heldUntil = this.#isWalHeld ? performance.now() + HELD_MS : 0;
    this.#measure();
  }

  #fitsFile(bytes: number): boolean {
    return bytes === 0 || this.#fileAfter(bytes) <= Math.max(this.#maxFile - MARGIN_BYTES, this.#pagesNow);
  }

  /** Size of the database, with what the transaction did to it so far. */
  #fileAfter(bytes: number): number {
    return this.#pagesNow + Math.max(0, bytes - this.#freePagesNow);
  }

  #fitsWal(bytes: number, { bytes: before, evicted }: Spent): boolean {
    const wal = this.#wal.sizeAfter(walGrowth({ bytes: before + bytes, evicted }));
    const file = Math.max(this.#pages, this.#pagesNow);
    return file + wal + BALLAST_BYTES <= this.#limits.maxBytes;
  }

  #fitsDisk(bytes: number, { bytes: before, evicted }: Spent): boolean {
    const wal = this.#wal.sizeAfter(walGrowth({ bytes: before + bytes, evicted })) - this.#wal.size;
    // With a page more than the disk has room for, the WAL could not be checkpointed any more.
    const growth = this.#fileAfter(fileGrowth(bytes)) - this.#onDisk + wal;
    if (growth <= 0) return true;
    return !this.#isFull && this.#free - growth >= this.#limits.minFreeBytes;
  }

  #hasSpace(bytes: number): boolean {
    if (bytes === 0 || this.#fitsDisk(bytes, NOTHING)) return true;
    this.#countPages();
    return this.#fitsDisk(bytes, NOTHING);
  }

  get #isFull(): boolean {
    return performance.now() < this.#fullUntil && this.#free < this.#fullAt + MIB;
  }
}

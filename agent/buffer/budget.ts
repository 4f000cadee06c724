/**
 * The hard byte budget: database file and write-ahead log together stay under `maxBytes`, and the file system keeps `minFreeBytes`.
 *
 * What is stored is written twice, first to the log, then to the database, and both count. Acked events, support's memory, are evicted
 * oldest first before anything is refused: their pages are written again, the file itself never shrinks. A part is left to the log, so that
 * a full buffer can still settle and evict.
 */
import assert from 'node:assert/strict';
import { statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Database, Statement } from 'better-sqlite3';

/** Log frames have headers, and a commit rewrites pages that it touches in part. */
const LOG_FACTOR = 1.25;
/** Pages that a commit touches whatever its size: index leaves, counters. */
const LOG_FIXED_BYTES = 64 * 1024;
const EVICTED_AT_ONCE = 500;
const PAGE_BYTES = 4096;
const MIB = 1024 * 1024;

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

const walBytes = (path: string): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;

export function usageOf(db: Database, path: string): Usage {
  const page = db.pragma('page_size', { simple: true }) as number;
  const pages = db.pragma('page_count', { simple: true }) as number;
  const free = db.pragma('freelist_count', { simple: true }) as number;
  return { used: (pages - free) * page, file: pages * page, wal: walBytes(path) };
}

export class Budget {
  readonly #db: Database;
  readonly #path: string;
  readonly #limits: BudgetLimits;
  /** Bytes that the file system has left. */
  readonly #diskFree: () => number;
  readonly #pageCount: Statement<[], number>;
  readonly #freePages: Statement<[], number>;
  readonly #evict: (limit: number) => number;
  #file = 0;
  #log = 0;
  #reusable = 0;
  #free = 0;

  /** @param evict deletes at most so many acked events, the oldest first, and says how many */
  constructor(
    db: Database,
    path: string,
    limits: BudgetLimits,
    diskFree: () => number,
    evict: (limit: number) => number,
  ) {
    this.#db = db;
    this.#path = path;
    this.#limits = limits;
    this.#diskFree = diskFree;
    this.#pageCount = db.prepare<[], number>('PRAGMA page_count').pluck();
    this.#freePages = db.prepare<[], number>('PRAGMA freelist_count').pluck();
    this.#evict = evict;
    assert.equal(db.pragma('page_size', { simple: true }), PAGE_BYTES);
    // The last guard, should the estimates here ever be wrong: SQLite itself refuses to grow the file beyond.
    db.pragma(`max_page_count = ${Math.floor(this.#maxFile / PAGE_BYTES)}`);
  }

  /**
   * Looks at the files anew and evicts acked events until `bytes` fit, or none are left.
   *
   * @returns how many it evicted
   * @throws on a fault of the disk
   */
  makeRoom(bytes: number): number {
    this.#look();
    if (bytes === 0 || this.fits(bytes)) return 0;
    this.#db.pragma('wal_checkpoint(TRUNCATE)');
    this.#look();
    let evicted = 0;
    while (!this.fits(bytes) && this.#evictionHelps(bytes)) {
      const count = this.evictOldest();
      if (count === 0) break;
      evicted += count;
      this.#look();
    }
    return evicted;
  }

  /** Deletes some acked events, the oldest first. @returns how many */
  evictOldest(): number {
    return this.#evict(EVICTED_AT_ONCE);
  }

  /** Whether so many bytes of events can be stored, as the files were when last looked at. */
  fits(bytes: number): boolean {
    const file = this.#file + Math.max(0, bytes - this.#reusable);
    const log = this.#log + this.#logGrowth(bytes);
    const growth = file - this.#file + log - this.#log;
    return (
      file <= this.#maxFile && file + log <= this.#limits.maxBytes && this.#free - growth >= this.#limits.minFreeBytes
    );
  }

  /** Which limit is hit, in words. */
  describe(): string {
    const { maxBytes, minFreeBytes } = this.#limits;
    return this.#free - LOG_FIXED_BYTES < minFreeBytes
      ? `the file system has ${this.#free} bytes left, of which ${minFreeBytes} are to stay free (buffer.minFreeBytes)`
      : `the ${maxBytes} bytes of the buffer (buffer.maxBytes) are full of events that the collector has not acknowledged`;
  }

  #logGrowth(bytes: number): number {
    return bytes * LOG_FACTOR + LOG_FIXED_BYTES;
  }

  get #maxFile(): number {
    return this.#limits.maxBytes - logReserve(this.#limits.maxBytes);
  }

  /** Eviction frees pages of the database, never space of the file system. */
  #evictionHelps(bytes: number): boolean {
    return this.#free - this.#logGrowth(bytes) >= this.#limits.minFreeBytes;
  }

  #look(): void {
    this.#file = this.#pageCount.get()! * PAGE_BYTES;
    this.#reusable = this.#freePages.get()! * PAGE_BYTES;
    this.#log = walBytes(this.#path);
    this.#free = this.#diskFree();
  }
}

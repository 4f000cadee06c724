/** The write-ahead log: how large it is, how much of it is in use, and how it is made to begin anew. */
import { Buffer } from 'node:buffer';
import { closeSync, fsyncSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import type { Database, Statement } from 'better-sqlite3';
import { isFull } from './buffer-error.ts';
import { DamagedFileError } from './classify-error.ts';

const HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 4096;
/** At a time. */
const ZEROS_BYTES = 64 * 1024;

interface Checkpoint {
  busy: number;
  /** Frames in use. */
  log: number;
  checkpointed: number;
}

export const walBytes = (path: string): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;

export class WalFile {
  readonly #db: Database;
  readonly #path: string;
  readonly #look: Statement<[], Checkpoint>;
  readonly #restart: Statement<[], Checkpoint>;
  readonly #truncate: Statement<[], Checkpoint>;
  #size = 0;
  #used = 0;
  /** Frames that were there when it last could begin anew: SQLite counts them until the next write. */
  #over = -1;

  /** @param path of the database */
  constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
    this.#look = db.prepare('PRAGMA wal_checkpoint(NOOP)');
    this.#restart = db.prepare('PRAGMA wal_checkpoint(RESTART)');
    this.#truncate = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  /** Bytes, as last looked at. */
  get size(): number {
    return this.#size;
  }

  /** Size after so many more bytes were written, as last looked at: it grows only where what is there is used up. */
  sizeAfter(bytes: number): number {
    return Math.max(this.#size, this.#used + bytes);
  }

  /** Outside of a transaction. @throws DamagedFileError when it was cut; else on a fault of the disk */
  refresh(): void {
    // In this order: another process may write meanwhile, and its frames are in the file before they are counted.
    const { log, checkpointed } = this.#look.get()!;
    this.#size = walBytes(this.#path);
    // SQLite would go on behind the end: what lies before is lost already, and what is accepted from here on would be too.
    if (log > checkpointed && this.#size < HEADER_BYTES + log * FRAME_BYTES)
      throw new DamagedFileError(`${this.#path}-wal was cut`);
    const anew = log === this.#over && checkpointed === log;
    this.#used = this.#size === 0 || anew ? 0 : HEADER_BYTES + Math.max(0, log) * FRAME_BYTES;
  }

  /**
   * Has the file take so much of the disk in advance, by zeros behind what was written: for SQLite the log ends there, and it overwrites them.
   * So what a full disk refuses is refused now, and not in the midst of a transaction.
   */
  reserve(bytes: number): void {
    const lacking = bytes - walBytes(this.#path);
    if (lacking <= 0) return;
    try {
      // Nobody writes to it meanwhile, support's `requeue` neither.
      this.#db.exec('BEGIN IMMEDIATE');
    } catch {
      return;
    }
    try {
      appendZeros(`${this.#path}-wal`, lacking);
    } finally {
      this.#db.exec('ROLLBACK');
    }
  }

  /** See `copyLog`. */
  checkpoint(): void {
    checkpointPassive(this.#db);
  }

  /**
   * Copies the log into the database, so that it can be written from its beginning. Waits briefly for somebody who reads.
   *
   * @param shrink whether its space goes back to the file system
   * @returns `held` while somebody reads what it holds, `full` when the disk has no room for what it holds
   * @throws on a fault of the disk
   */
  restart(shrink: boolean): 'anew' | 'held' | 'full' {
    try {
      const { busy, log } = (shrink ? this.#truncate : this.#restart).get()!;
      this.#over = busy === 0 ? log : -1;
      this.refresh();
      return busy === 0 ? 'anew' : 'held';
    } catch (error) {
      if (!isFull(error)) throw error;
      this.refresh();
      return 'full';
    }
  }
}

/** Copies what nobody holds up into the database, as far as the disk has room. @throws on a fault of the disk */
export function checkpointPassive(db: Database): void {
  try {
    db.pragma('wal_checkpoint(PASSIVE)');
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

/** All of them or none. A disk without room for them is as good a reason as any other to do without. */
function appendZeros(path: string, count: number): void {
  let file: number | null = null;
  try {
    file = openSync(path, 'r+');
    const size = statSync(path).size;
    try {
      const zeros = Buffer.alloc(Math.min(count, ZEROS_BYTES));
      for (let at = 0; at < count; ) at += writeSync(file, zeros, 0, Math.min(zeros.length, count - at), size + at);
      fsyncSync(file);
    } catch {
      ftruncateSync(file, size);
    }
  } catch {
    // There is no log, or the disk takes nothing: whoever writes next is told.
  } finally {
    if (file !== null) closeSync(file);
  }
}

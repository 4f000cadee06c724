/** The WAL: its size, how much of it is in use, checkpoints, and space reserved in advance. */
import { Buffer } from 'node:buffer';
import { closeSync, fsyncSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import type { Database, Statement } from 'better-sqlite3';
import { isFull } from './buffer-error.ts';
import { DamagedFileError } from './classify-error.ts';

const HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 4096;
/** Written at a time. */
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
  /** Row: `[busy, log, checkpointed]`. */
  readonly #noop: Statement<[], readonly [number, number, number]>;
  readonly #restart: Statement<[], Checkpoint>;
  readonly #truncate: Statement<[], Checkpoint>;
  #size = 0;
  #used = 0;
  /** Frames at the last complete restart: SQLite counts them until the next write. */
  #restarted = -1;

  /** @param path of the database */
  constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
    this.#noop = db.prepare<[], readonly [number, number, number]>('PRAGMA wal_checkpoint(NOOP)').raw();
    this.#restart = db.prepare('PRAGMA wal_checkpoint(RESTART)');
    this.#truncate = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  /** In bytes, at the last `refresh`. */
  get size(): number {
    return this.#size;
  }

  /** Size after this many more bytes, as of the last `refresh`: it grows once it is used up. */
  sizeAfter(bytes: number): number {
    return Math.max(this.#size, this.#used + bytes);
  }

  /**
   * Runs outside of a transaction.
   *
   * @throws DamagedFileError when the WAL was truncated; else on a fault of the disk
   */
  refresh(): void {
    // In this order: another process may write meanwhile, and its frames are in the file before
    // they are counted.
    const [, log, checkpointed] = this.#noop.get()!;
    this.#size = walBytes(this.#path);
    // SQLite would go on writing behind the end: frames before it are lost, and later ones would be
    // too.
    if (log > checkpointed && this.#size < HEADER_BYTES + log * FRAME_BYTES)
      throw new DamagedFileError(`${this.#path}-wal was truncated`);
    const isRestarted = log === this.#restarted && checkpointed === log;
    this.#used = this.#size === 0 || isRestarted ? 0 : HEADER_BYTES + Math.max(0, log) * FRAME_BYTES;
  }

  /**
   * Reserves space on the disk in advance, by zeros behind the frames: for SQLite the WAL ends
   * there, and it overwrites them. So a full disk fails now, and not in the middle of a
   * transaction.
   */
  reserve(bytes: number): void {
    const lacking = bytes - walBytes(this.#path);
    if (lacking <= 0) return;
    try {
      // Locks out other writers meanwhile, such as support's `requeue`.
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

  /** See `checkpointPassive`. */
  checkpoint(): void {
    checkpointPassive(this.#db);
  }

  /**
   * Copies the WAL into the database, so that it can be written from its beginning. Waits briefly
   * for readers.
   *
   * @param shrink whether its space is returned to the file system
   * @returns `held` while a reader needs its frames, `full` when the disk has no room for them
   * @throws on a fault of the disk
   */
  restart(shrink: boolean): 'anew' | 'held' | 'full' {
    try {
      const { busy, log } = (shrink ? this.#truncate : this.#restart).get()!;
      this.#restarted = busy === 0 ? log : -1;
      this.refresh();
      return busy === 0 ? 'anew' : 'held';
    } catch (error) {
      if (!isFull(error)) throw error;
      this.refresh();
      return 'full';
    }
  }
}

/**
 * Copies frames that no reader needs into the database, as far as the disk has room.
 *
 * @throws on a fault of the disk
 */
export function checkpointPassive(db: Database): void {
  try {
    db.pragma('wal_checkpoint(PASSIVE)');
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

/** Appends all of them or none. Any failure, such as a full disk, is tolerated. */
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
    // There is no WAL, or the disk fails: the next write reports it.
  } finally {
    if (file !== null) closeSync(file);
  }
}

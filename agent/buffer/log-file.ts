/** The write-ahead log: how large it is, how much of it is in use, and how it is made to begin anew. */
import { statSync } from 'node:fs';
import type { Database, Statement } from 'better-sqlite3';
import { isFull } from './buffer-error.ts';

const HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 4096;

interface Checkpoint {
  busy: number;
  /** Frames in use. */
  log: number;
  checkpointed: number;
}

export const logBytes = (path: string): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;

export class LogFile {
  readonly #path: string;
  readonly #look: Statement<[], Checkpoint>;
  readonly #passive: Statement<[], Checkpoint>;
  readonly #restart: Statement<[], Checkpoint>;
  readonly #truncate: Statement<[], Checkpoint>;
  #size = 0;
  #used = 0;
  /** Frames that were there when it last could begin anew: SQLite counts them until the next write. */
  #over = -1;

  /** @param path of the database */
  constructor(db: Database, path: string) {
    this.#path = path;
    this.#look = db.prepare('PRAGMA wal_checkpoint(NOOP)');
    this.#passive = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
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

  /** Outside of a transaction. @throws on a fault of the disk */
  look(): void {
    this.#size = logBytes(this.#path);
    const { log, checkpointed } = this.#look.get()!;
    const anew = log === this.#over && checkpointed === log;
    this.#used = this.#size === 0 || anew ? 0 : HEADER_BYTES + Math.max(0, log) * FRAME_BYTES;
  }

  /** Copies what nobody holds up into the database. @throws on a fault of the disk */
  copy(): void {
    try {
      this.#passive.get();
    } catch (error) {
      if (!isFull(error)) throw error;
    }
  }

  /**
   * Copies the log into the database, so that it can be written from its beginning. Waits briefly for somebody who reads.
   *
   * @param shrink whether its space goes back to the file system
   * @returns `held` while somebody reads what it holds, `full` when the disk has no room for what it holds
   * @throws on a fault of the disk
   */
  beginAnew(shrink: boolean): 'anew' | 'held' | 'full' {
    try {
      const { busy, log } = (shrink ? this.#truncate : this.#restart).get()!;
      this.#over = busy === 0 ? log : -1;
      this.look();
      return busy === 0 ? 'anew' : 'held';
    } catch (error) {
      if (!isFull(error)) throw error;
      this.look();
      return 'full';
    }
  }
}

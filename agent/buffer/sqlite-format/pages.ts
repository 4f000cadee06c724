/** The pages of a database and its WAL, most trustworthy versions first, and their payloads. */
import { Buffer } from 'node:buffer';
import { type Cell, PAGE_BYTES } from './btree-leaf.ts';
import type { ByteSource } from './byte-source.ts';
import { readWalFrames, type WalFrames } from './wal-frames.ts';

const OVERFLOW_BYTES = PAGE_BYTES - 4;

/** A page of the WAL's committed frames, of the database, or of the WAL's other frames. */
export interface PagePosition {
  readonly source: 'wal' | 'database' | 'old-wal';
  /** Of the page in the file. */
  readonly offset: number;
}

export class Pages {
  readonly #database: ByteSource;
  readonly #wal: ByteSource;
  readonly #frames: WalFrames;
  readonly #inDatabase: number;

  constructor(database: ByteSource, wal: ByteSource) {
    this.#database = database;
    this.#wal = wal;
    this.#frames = readWalFrames(wal);
    this.#inDatabase = Math.ceil(database.size / PAGE_BYTES);
  }

  get count(): number {
    return this.#frames.pages.length + this.#inDatabase;
  }

  /** @param index from 0 to `count`: the newest version of a page comes before its older ones */
  at(index: number): PagePosition {
    const { pages, committed } = this.#frames;
    if (index < committed) return { source: 'wal', offset: pages[index]! };
    const inDatabase = index - committed;
    if (inDatabase < this.#inDatabase) return { source: 'database', offset: inDatabase * PAGE_BYTES };
    return { source: 'old-wal', offset: pages[index - this.#inDatabase]! };
  }

  bytes({ source, offset }: PagePosition): Buffer {
    return (source === 'database' ? this.#database : this.#wal).read(offset, PAGE_BYTES);
  }

  /**
   * The first page of the database starts with the file's header; so do its versions in the WAL.
   */
  isFirst({ source, offset }: PagePosition, page: Buffer): boolean {
    return source === 'database' ? offset === 0 : page.toString('latin1', 0, 15) === 'SQLite format 3';
  }

  /**
   * Candidates for a cell's payload, completed from overflow pages: from their newest committed
   * version first, then from older ones, for rows of older pages. The caller has to check them.
   */
  *payloads(page: Buffer, cell: Cell): Iterable<Buffer> {
    const local = page.subarray(cell.start, cell.start + cell.localBytes);
    if (cell.overflow === 0) {
      yield local;
      return;
    }
    for (const newest of [this.#frames.newestCommitted, NO_FRAMES, this.#frames.newest]) {
      const payload = this.#follow(local, cell, newest);
      if (payload !== null) yield payload;
    }
  }

  #follow(local: Buffer, { overflow, payloadBytes }: Cell, newest: ReadonlyMap<number, number>): Buffer | null {
    const parts = [local];
    let left = payloadBytes - local.length;
    for (let next = overflow; left > 0; ) {
      const part = this.#numbered(next, newest);
      if (part === null) return null;
      next = part.readUInt32BE(0);
      parts.push(part.subarray(4, 4 + Math.min(left, OVERFLOW_BYTES)));
      left -= OVERFLOW_BYTES;
    }
    return Buffer.concat(parts, payloadBytes);
  }

  #numbered(number: number, newest: ReadonlyMap<number, number>): Buffer | null {
    const inWal = newest.get(number);
    if (inWal !== undefined) return this.#wal.read(inWal, PAGE_BYTES);
    if (number < 1 || number > this.#inDatabase) return null;
    return this.#database.read((number - 1) * PAGE_BYTES, PAGE_BYTES);
  }
}

const NO_FRAMES: ReadonlyMap<number, number> = new Map();

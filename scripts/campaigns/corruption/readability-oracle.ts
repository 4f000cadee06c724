/**
 * Decides which events must still be readable in damaged files: those whose row has the same bytes
 * at the same place as before. SQLite itself tells where the rows are: a checkpoint of a copy, made
 * before the damage, shows each page as it was last written. The oracle knows only that the packed
 * event is the last column, and that the columns before it take less than a hundred bytes.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { type Files, writeFiles } from './buffer-files.ts';

const PAGE_BYTES = 4096;
const FRAME_HEADER_BYTES = 24;
const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES;
const WAL_HEADER_BYTES = 32;
/** Columns before the packed event, including the record header. */
const HEAD_BYTES = 96;
/** An overflow page of a long row starts with the number of the next page. */
const LINK_BYTES = 4;

/** Location of a page in a file, by its offset. */
interface Copy {
  readonly part: 'database' | 'log';
  readonly offset: number;
}

function checkpointed(files: Files): Buffer {
  const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-oracle-'));
  try {
    const file = path.join(folder, 'copy.db');
    writeFiles(file, files);
    const db = new Sqlite(file);
    db.pragma('wal_checkpoint(TRUNCATE)');
    db.close();
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The part of the WAL up to the last commit, which frame headers record. */
function committedPart(wal: Buffer | null): Buffer | null {
  let end = WAL_HEADER_BYTES;
  for (let at = end; wal !== null && at + FRAME_BYTES <= wal.length; at += FRAME_BYTES) {
    if (wal.readUInt32BE(at + 4) !== 0) end = at + FRAME_BYTES;
  }
  return wal?.subarray(0, end) ?? null;
}

export class Judge {
  readonly #before: Files;
  readonly #after: Files;
  readonly #live: Buffer;
  /** Where each page lies as last written: in one file or both. */
  readonly #copies = new Map<number, Copy[]>();
  /** Long rows span several pages; the frame headers of the WAL say which page each frame holds. */
  readonly #walHeadersAreWhole: boolean;

  /**
   * @param guarded whether the side file says how far the WAL went. Otherwise the part after its
   *   last commit looks like a transaction that a crash interrupted before it was answered.
   */
  constructor(before: Files, after: Files, guarded: boolean) {
    this.#before = before;
    this.#after = guarded ? after : { ...after, log: committedPart(after.log) };
    this.#live = checkpointed(before);
    const { database, log: wal } = before;
    for (let page = 0; database !== null && page < database.length / PAGE_BYTES; page++) {
      this.#note(page, { part: 'database', offset: page * PAGE_BYTES });
    }
    let whole = true;
    if (wal !== null) {
      whole = this.#isWhole('log', 0, Math.min(wal.length, WAL_HEADER_BYTES));
      for (let at = WAL_HEADER_BYTES; at + FRAME_BYTES <= wal.length; at += FRAME_BYTES) {
        whole &&= this.#isWhole('log', at, at + FRAME_HEADER_BYTES);
        // Frames of earlier WAL cycles, under other salts, are never read.
        if (wal.compare(wal, 16, 24, at + 8, at + 16) !== 0) continue;
        this.#note(wal.readUInt32BE(at) - 1, { part: 'log', offset: at + FRAME_HEADER_BYTES });
      }
    }
    this.#walHeadersAreWhole = whole;
  }

  /** @param packed the event as its row holds it */
  isReadable(packed: Buffer): boolean {
    const places = this.#placesOf(packed);
    if (places.length > 0) return places.every((at) => this.#someCopyIsWhole(at - HEAD_BYTES, at + packed.length));
    const starts = this.#placesOf(packed.subarray(0, 48));
    const [start] = starts;
    if (start === undefined || !this.#walHeadersAreWhole) return false;
    if (!starts.every((at) => this.#allCopiesAreWhole(at))) return false;
    let length = 0;
    while (this.#live[start + length] === packed[length]) length++;
    for (; length < packed.length; length += PAGE_BYTES - LINK_BYTES) {
      const nexts = this.#placesOf(packed.subarray(length, length + PAGE_BYTES - LINK_BYTES));
      if (nexts.length === 0 || !nexts.every((at) => this.#allCopiesAreWhole(at - LINK_BYTES))) return false;
    }
    return true;
  }

  /** All matches: a page's free space may hold a stale copy of a row that has moved. */
  #placesOf(bytes: Buffer): number[] {
    const places: number[] = [];
    for (let at = this.#live.indexOf(bytes); at >= 0; at = this.#live.indexOf(bytes, at + 1)) places.push(at);
    return places;
  }

  #note(page: number, copy: Copy): void {
    const bytes = this.#before[copy.part]!.subarray(copy.offset, copy.offset + PAGE_BYTES);
    if (!bytes.equals(this.#live.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES))) return;
    this.#copies.set(page, [...(this.#copies.get(page) ?? []), copy]);
  }

  /** @param from offset in the checkpointed bytes */
  #someCopyIsWhole(from: number, to: number): boolean {
    const page = Math.floor((to - 1) / PAGE_BYTES);
    const start = Math.max(0, from - page * PAGE_BYTES);
    return (this.#copies.get(page) ?? []).some(({ part, offset }) =>
      this.#isWhole(part, offset + start, offset + to - page * PAGE_BYTES),
    );
  }

  /** Checks the page around an offset of the checkpointed bytes, in each file that contains it. */
  #allCopiesAreWhole(at: number): boolean {
    const copies = this.#copies.get(Math.floor(at / PAGE_BYTES)) ?? [];
    return copies.length > 0 && copies.every(({ part, offset }) => this.#isWhole(part, offset, offset + PAGE_BYTES));
  }

  #isWhole(part: 'database' | 'log', from: number, to: number): boolean {
    const after = this.#after[part];
    if (after === null || after.length < to) return false;
    return this.#before[part]!.compare(after, from, to, from, to) === 0;
  }
}

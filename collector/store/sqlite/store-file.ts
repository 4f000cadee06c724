/**
 * The store's operations on an open SQLite file. Each may wait for the disk or for a lock, so they
 * run in a thread of their own (`store-worker.ts`).
 */
import type { Database } from 'better-sqlite3';
import type { Column, Columns, KeyRange, Put, Row, TableName } from '../tables.ts';
import { StoreUnavailable } from '../tables.ts';
import { type CellSelection, Cells } from './cells.ts';
import { fileIdentity } from './connection.ts';
import { type PackedRows, packRows, unpackRows } from './packed-rows.ts';
import { createTables } from './schema.ts';
import { wrapStoreErrors } from './wrap-error.ts';

/**
 * A page of a scan ends with the row that reaches either bound, so that other reads get their turn.
 */
const PAGE_ROWS = 500;
const PAGE_BYTES = 1024 * 1024;
/** Keys found by their time are sorted for each page anew. */
const PAGE_RECENT_KEYS = 4_000;
/** Of keys alone, which take a millisecond or two. */
const PAGE_KEYS = 2_000;

/** `columns` undefined: all. */
export type PageScan = { readonly parts: readonly KeyRange[] } & Required<CellSelection>;

export interface Page {
  readonly rows: PackedRows;
  /** What is left for the following page; nothing at the end. */
  readonly next: readonly KeyRange[];
}

export class StoreFile {
  readonly #database: Database;
  readonly #path: string;
  readonly #cells = new Map<TableName, Cells>();
  readonly #file: ReturnType<typeof fileIdentity>;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
    this.#file = fileIdentity(path);
  }

  init(): void {
    this.#run('init', () => createTables(this.#database));
  }

  /** @param ifAbsent leaves rows that exist as they are @returns which rows were put */
  put(table: TableName, puts: PackedRows, now: number, ifAbsent: boolean): boolean[] {
    return this.#write(`put to ${table}`, () => {
      const cells = this.#of(table);
      return present(puts).map((put) => {
        const isPut = !ifAbsent || !cells.has(put.row);
        if (isPut) cells.put(put, now);
        return isPut;
      });
    });
  }

  exists(table: TableName, keys: PackedRows): boolean[] {
    return this.#read(`read of ${table}`, () => {
      const cells = this.#of(table);
      return present(keys).map(({ row }) => cells.has(row));
    });
  }

  get(table: TableName, keys: PackedRows, columns: Columns | undefined): PackedRows {
    return this.#read(`get from ${table}`, () => {
      const cells = this.#of(table);
      return packRows(present(keys).map(({ row }) => cells.read(row, columns === undefined ? {} : { columns })));
    });
  }

  /** Reads one page within one read transaction. */
  page(table: TableName, { parts, ...selection }: PageScan, maxRows: number): Page {
    return this.#read(`scan of ${table}`, () => {
      const rows: Row[] = [];
      let bytes = 0;
      for (const [at, part] of parts.entries()) {
        const found = this.#part(table, part, selection, maxRows - rows.length);
        rows.push(...found.rows);
        bytes += found.bytes;
        const rest = parts.slice(at + 1);
        if (found.next !== undefined)
          return { rows: packRows(rows), next: [{ start: found.next, stop: ownCopy(part.stop) }, ...rest] };
        if (rows.length >= Math.min(PAGE_ROWS, maxRows) || bytes >= PAGE_BYTES)
          return { rows: packRows(rows), next: rest };
      }
      return { rows: packRows(rows), next: [] };
    });
  }

  /** What a page holds of one range; `next` undefined: all of it. */
  #part(
    table: TableName,
    { start: from, stop }: KeyRange,
    selection: Required<CellSelection>,
    maxRows: number,
  ): { readonly rows: readonly Row[]; readonly bytes: number; readonly next: Uint8Array | undefined } {
    const cells = this.#of(table);
    const { since, keysOnly, columns } = selection;
    if (keysOnly && columns === undefined && since === undefined) {
      const { rows, isEnd } = cells.keys(from, stop, Math.min(maxRows, PAGE_KEYS));
      const next = isEnd ? undefined : successor(rows.at(-1)?.row ?? from);
      if (isEnd || rows.length > 0) return { rows, bytes: 0, next };
    }
    const rows: Row[] = [];
    let bytes = 0;
    // Skipped rows count too: rows without any of the requested columns cost time all the same.
    let start = from;
    const recent =
      since === undefined
        ? null
        : cells.recentRows(start, stop, since, Math.min(maxRows, keysOnly ? PAGE_RECENT_KEYS : PAGE_ROWS));
    const most = recent === null || !keysOnly ? PAGE_ROWS : PAGE_RECENT_KEYS;
    for (let passed = 0; rows.length < Math.min(most, maxRows) && passed < most && bytes < PAGE_BYTES; passed++) {
      const key = recent === null ? cells.nextRow(start, stop, since) : recent[passed];
      if (key === undefined) return { rows, bytes, next: undefined };
      const row = cells.read(key, selection);
      if (row !== null) {
        rows.push(row);
        bytes += sizeOf(row);
      }
      start = successor(key);
    }
    return { rows, bytes, next: start };
  }

  checkAndPut(table: TableName, column: Column, expected: Uint8Array | null, put: PackedRows, now: number): boolean {
    return this.#write(`checkAndPut to ${table}`, () => {
      const cells = this.#of(table);
      const [wanted] = present(put);
      if (!cells.holds(wanted!.row, column, expected)) return false;
      cells.put(wanted!, now);
      return true;
    });
  }

  delete(table: TableName, keys: PackedRows): void {
    this.#write(`delete from ${table}`, () => {
      const cells = this.#of(table);
      for (const { row } of present(keys)) cells.delete(row);
    });
  }

  close(): void {
    this.#run('close', () => this.#database.close());
  }

  #of(table: TableName): Cells {
    const known = this.#cells.get(table);
    if (known !== undefined) return known;
    const cells = new Cells(this.#database, table);
    this.#cells.set(table, cells);
    return cells;
  }

  /**
   * Immediate: a transaction that reads first and writes later could fail with BUSY half-way,
   * without waiting.
   */
  #write<T>(operation: string, work: () => T): T {
    const result = this.#run(operation, () => this.#database.transaction(work).immediate());
    if (!this.#run(operation, () => this.#file.inPlace())) {
      throw new StoreUnavailable(
        `${operation} on ${this.#path}: the file was removed or replaced while it was open: put it back, or start the collector again`,
      );
    }
    return result;
  }

  #read<T>(operation: string, work: () => T): T {
    return this.#run(operation, () => this.#database.transaction(work).deferred());
  }

  #run<T>(operation: string, work: () => T): T {
    return wrapStoreErrors(operation, this.#path, work);
  }
}

const present = (rows: PackedRows): Put[] => unpackRows(rows).filter((row) => row !== null);

function sizeOf(row: Row): number {
  let bytes = row.row.length;
  for (const [column, value] of row.cells) bytes += column.length + value.length;
  return bytes;
}

/** The smallest key greater than this one, in memory of its own: it goes to another thread. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

const ownCopy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
